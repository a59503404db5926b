import diagnostics from 'node:diagnostics_channel'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  CHANNELS,
  RedisOAuthDatabase,
  type RedisOAuthDatabaseOptions,
} from '../../../../src/index.js'
import { DEFAULTS } from '../../../../src/leaves/defaults.js'
import { optionName } from '../../../../src/options/names.js'
import { resolveTopology, type Topology } from '../../../../src/redis/address/topology.js'

const PEM = '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'

function resolve(url: string, options: RedisOAuthDatabaseOptions = {}): Topology {
  return resolveTopology({ url, ...options }, DEFAULTS.database, optionName)
}

/** The parameters that a database is said to ignore. */
function ignoredBy(options: RedisOAuthDatabaseOptions): unknown[] {
  const messages: unknown[] = []
  const listener = (message: unknown): void => {
    messages.push(message)
  }
  const channel = diagnostics.channel(CHANNELS.configuration)
  channel.subscribe(listener)
  new RedisOAuthDatabase(options)
  channel.unsubscribe(listener)
  return messages
}

const ignored = (...parameters: string[]) =>
  parameters.map((parameter) => ({ event: 'urlParameterIgnored', parameter }))

describe('a parameter that hosts put into their URLs is understood:', () => {
  it.each([0, 4, 6])('family=%i, on every topology', (family) => {
    expect(resolve(`redis://h?family=${family}`)).toMatchObject({ family })
    expect(resolve(`redis-cluster://h?family=${family}`)).toMatchObject({ family })
    expect(resolve(`redis-sentinel://h?name=m&family=${family}`)).toMatchObject({ family })
  })

  it.each(['none', 'NONE', 'CERT_NONE'])('ssl_cert_reqs=%s verifies no certificate', (value) => {
    expect(resolve(`rediss://1.2.3.4?ssl_cert_reqs=${value}`).tls).toEqual({
      rejectUnauthorized: false,
    })
    expect(resolve(`redis://1.2.3.4?ssl_cert_reqs=${value}`, { tls: {} }).tls).toEqual({
      rejectUnauthorized: false,
    })
  })

  it.each(['required', 'optional', 'CERT_REQUIRED'])('ssl_cert_reqs=%s verifies', (value) => {
    expect(resolve(`rediss://1.2.3.4?ssl_cert_reqs=${value}`).tls).toEqual({})
  })

  it('ssl_ca_certs is read as a file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'atxp-redis-ca-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const file = join(directory, 'ca.pem')
    writeFileSync(file, PEM)
    expect(resolve(`rediss://1.2.3.4?ssl_ca_certs=${file}`).tls).toEqual({ ca: PEM })
    expect(() => resolve(`rediss://h?ssl_ca_certs=${file}.not`)).toThrow(
      'options.url names a file as ssl_ca_certs that cannot be read; give tls.ca, or leave it out',
    )
  })

  it("protocol=2, which is spoken, and name, which is Sentinel's", () => {
    expect(ignoredBy({ url: 'redis://h?protocol=2' })).toEqual([])
    expect(ignoredBy({ url: 'redis-sentinel://h?name=m' })).toEqual([])
  })
})

describe('a parameter that says nothing here is ignored with an event:', () => {
  it.each<[RedisOAuthDatabaseOptions, string]>([
    [{ url: 'redis://h?protocol=3' }, 'protocol'],
    [{ url: 'redis://h?client_name=app' }, 'client_name'],
    [{ url: 'redis://h?name=app' }, 'name'],
    [{ url: 'redis-cluster://h?name=app' }, 'name'],
    [{ url: 'redis://h?ssl_cert_reqs=none' }, 'ssl_cert_reqs'],
    [{ url: 'redis://h?ssl_ca_certs=/nowhere' }, 'ssl_ca_certs'],
    [{ url: 'rediss://h?ssl_ca_certs=/nowhere', tls: { ca: PEM } }, 'ssl_ca_certs'],
    [{ url: 'rediss://h?ssl_cert_reqs=none', tls: { rejectUnauthorized: true } }, 'ssl_cert_reqs'],
  ])('%j', (options, parameter) => {
    expect(ignoredBy(options)).toEqual(ignored(parameter))
  })

  it('each of them, by its name alone', () => {
    const url = 'redis://h?protocol=3&client_name=secret&name=secret'
    expect(ignoredBy({ url })).toEqual(ignored('protocol', 'client_name', 'name'))
    expect(ignoredBy({ url: 'redis://h' })).toEqual([])
  })
})

describe('a parameter is refused, and its value not shown,', () => {
  it.each([
    ['redis://h?timeout=secret', 'has a parameter that it does not take'],
    ['redis://h?client_name=a&client_name=secret', 'has a parameter that it does not take'],
    ['redis://h?client_name=', 'has a parameter that it does not take'],
    ['redis://h:1?name=secret@h', 'has a parameter that it does not take'],
    ['redis://h?toString=secret', 'has a parameter that it does not take'],
    ['redis://h?family=secret', 'must have 0, 4 or 6 as its parameter family'],
    ['rediss://h?ssl_cert_reqs=secret', 'must have none, optional or required as its parameter'],
  ])('as in %s', (url, message) => {
    expect(() => resolve(url)).toThrow(`options.url ${message}`)
    expect(() => resolve(url)).not.toThrow(/secret/)
  })
})

describe('the port beside a URL of several hosts', () => {
  it('is that of the hosts without one', () => {
    expect(resolve('redis-cluster://a,b:2', { port: 7 })).toMatchObject({
      nodes: [
        { host: 'a', port: 7 },
        { host: 'b', port: 2 },
      ],
    })
    expect(resolve('redis-sentinel://a,b:2?name=m')).toMatchObject({
      nodes: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 2 },
      ],
    })
  })
})

describe('TLS of the Sentinels', () => {
  const sentinelOf = (url: string, options: RedisOAuthDatabaseOptions = {}) =>
    (resolve(url, options) as Topology & { sentinel?: object }).sentinel

  it('is that of Redis, unless it is told otherwise', () => {
    expect(sentinelOf('rediss-sentinel://h?name=m')).toEqual({ tls: {} })
    expect(sentinelOf('rediss-sentinel://h?name=m', { tls: { ca: PEM } })).toEqual({
      tls: { ca: PEM },
    })
    expect(sentinelOf('redis-sentinel://h?name=m')).toEqual({})
    expect(sentinelOf('rediss-sentinel://h?name=m', { sentinel: { tls: false } })).toEqual({})
    expect(sentinelOf('redis-sentinel://h?name=m', { sentinel: { tls: {} } })).toEqual({ tls: {} })
  })
})
