import { describe, expect, it } from 'vitest'
import { DEFAULTS } from '../../../../src/leaves/defaults.js'
import { optionName } from '../../../../src/options/names.js'
import { resolveTopology } from '../../../../src/redis/address/topology.js'

const resolve = (url: string) => resolveTopology({ url }, DEFAULTS.database, optionName)

describe('a URL that is a slip is refused with what was meant:', () => {
  it.each([
    ['redis:6379', 'write // behind the colon of its scheme'],
    ['redis:localhost:6379', 'write // behind the colon of its scheme'],
    ['rediss:/localhost', 'write // behind the colon of its scheme'],
    ['redis-cluster:a:1', 'write // behind the colon of its scheme'],
    ['http://localhost:6379', 'it is the address of a web page or a REST API'],
    ['https://:token@eu1.example.io', 'it is the address of a web page or a REST API'],
    ['localhost', 'write redis:// before the host'],
    ['redis.example.com:6379/1', 'write redis:// before the host'],
    ['valkey://localhost', 'write redis:// for valkey://'],
    ['redis+sentinel://a:1', 'write - for the + in its scheme'],
    ['redis://a:1,b:2', 'several hosts are a redis-cluster:// or a redis-sentinel://'],
    ['redis://:pw@a,b/0', 'several hosts are a redis-cluster:// or a redis-sentinel://'],
    ['unix:/run/redis.sock', 'write the path behind unix://'],
    ['"redis://localhost"', 'it begins with a quotation mark'],
    [' redis://localhost', 'it begins with white space'],
  ])('%j', (url, meant) => {
    expect(() => resolve(url)).toThrow(`options.url is not a Redis URL: ${meant}`)
    expect(() => resolve(url)).toThrow(/ it takes redis:\/\/\[\[username\]:password@\]host/)
  })

  it.each([
    'redis-cluster://user:pw@a:1,user:pw@b:2',
    'redis-cluster://a:1,user:pw@b:2',
    'redis-sentinel://:pw@a:1,:pw@b:2/0?name=m',
  ])('%j, which has its login at a second host', (url) => {
    expect(() => resolve(url)).toThrow(
      'options.url must have username and password once, before the first host: they are for all hosts',
    )
  })

  it.each(['redis://h:0', 'redis-cluster://a:1,b:0'])('%j, which has no port', (url) => {
    expect(() => resolve(url)).toThrow('options.url must have ports from 1 to 65535')
  })
})
