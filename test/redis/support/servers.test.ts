import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../../support/eventually.js'
import { bareClient } from '../../support/servers/bare-client.js'
import { certificates } from '../../support/servers/certificates.js'
import {
  loadSlowly,
  type RedisServer,
  SLOW_LOADING,
  startRedis,
} from '../../support/servers/redis-server.js'

describe('eventually', () => {
  it('gives the first answer that is not false', async () => {
    let calls = 0
    expect(await eventually(() => (++calls < 3 ? false : calls))).toBe(3)
  })

  it('throws with the last reason when the bound has passed', async () => {
    const check = () => {
      throw new Error('not yet')
    }
    await expect(eventually(check, { withinMs: 30 })).rejects.toThrow('within 30 ms: not yet')
  })

  it('does not wait longer than the bound for a check that never settles', async () => {
    const check = () => new Promise(() => undefined)
    await expect(eventually(check, { withinMs: 30 })).rejects.toThrow('did not settle')
  })
})

describe('a Redis server', () => {
  let server: RedisServer | undefined

  afterEach(async () => {
    await server?.stop()
    server = undefined
  })

  it('answers at its port, its URL and its socket, and leaves nothing behind', async () => {
    server = await startRedis()
    const { pid, dir } = server
    await bareClient({ port: server.port, host: server.host }).set('a', '1')
    expect(await bareClient({ path: server.path }).get('a')).toBe('1')
    const byUrl = new Redis(server.url)
    expect(await byUrl.get('a')).toBe('1')
    byUrl.disconnect()
    await server.stop()
    expect(existsSync(dir)).toBe(false)
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })

  it('asks for the password that it was given', async () => {
    server = await startRedis({ requirepass: 'p@ss word' })
    await expect(bareClient({ port: server.port }).get('a')).rejects.toThrow('NOAUTH')
    expect(await bareClient({ port: server.port, password: 'p@ss word' }).get('a')).toBeNull()
    expect(await server.cli('GET', 'a')).toBeNull()
  })

  it('holds its ACL users to their rules', async () => {
    const user = { name: 'alice', password: 'se cret', rule: '~a:* +get +info' }
    server = await startRedis({ users: [user] })
    const alice = bareClient({ port: server.port, username: user.name, password: user.password })
    expect(await alice.get('a:1')).toBeNull()
    await expect(alice.get('b:1')).rejects.toThrow('NOPERM')
  })

  it('takes other configuration and a number of databases', async () => {
    server = await startRedis({ databases: 3, config: { maxmemory: '50mb', save: '60 1' } })
    expect(await server.cli('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '52428800'])
    await expect(server.cli('SELECT', 3)).rejects.toThrow('out of range')
  })

  it('listens on no port when it is to have its socket only', async () => {
    server = await startRedis({ unixsocket: true })
    expect(await server.cli('CONFIG', 'GET', 'port')).toEqual(['port', '0'])
    expect(await bareClient({ path: server.path }).ping()).toBe('PONG')
  })

  it('answers nobody while it is paused', async () => {
    server = await startRedis()
    const redis = bareClient({ port: server.port, commandTimeout: 100 })
    await redis.ping()
    server.pause()
    await expect(redis.ping()).rejects.toThrow('timed out')
    server.resume()
    expect(await redis.ping()).toBe('PONG')
  })

  it('obeys its test even when it has no connection left for anybody else', async () => {
    server = await startRedis({ config: { maxclients: '1' } })
    const refused = connect(server.port, server.host)
    const word = await new Promise((resolve) => refused.once('data', resolve))
    expect(String(word)).toContain('max number of clients')
    await server.cli('CONFIG', 'SET', 'maxclients', 2)
    expect(await bareClient({ port: server.port }).ping()).toBe('PONG')
  })

  it('restarts on its port with its data, or without', async () => {
    server = await startRedis()
    const { port } = server
    await server.cli('SET', 'a', '1')
    await server.restart({ keepData: true })
    expect(await bareClient({ port }).get('a')).toBe('1')
    await server.restart({ keepData: false })
    expect(await bareClient({ port }).get('a')).toBeNull()
  })

  it('has after a kill what its append-only file has', async () => {
    server = await startRedis({ appendonly: true, config: { appendfsync: 'always' } })
    await server.cli('SET', 'a', '1')
    await server.kill('SIGKILL')
    expect(server.running).toBe(false)
    await server.restart({ keepData: true })
    expect(await server.cli('GET', 'a')).toBe('1')
  })

  it('can be had while it loads', async () => {
    server = await startRedis({ config: SLOW_LOADING })
    await loadSlowly(server, 1000)
    await expect(server.cli('GET', 'filler:1')).rejects.toThrow('LOADING')
    await eventually(async () => (await server?.cli('DBSIZE')) === 1000)
  })

  it('says what redis-server said when it cannot start', async () => {
    const start = startRedis({ config: { 'no-such-option': 'yes' } })
    await expect(start).rejects.toThrow('no-such-option')
  })

  it('ends when the test process is killed', async () => {
    const owner = spawn(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { spawn } from 'node:child_process'
       const keeper = spawn(process.execPath, ['test/support/processes/lifeline.mjs'], {
         detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
       const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'])
       keeper.stdin.write(JSON.stringify({ hold: true, pid: child.pid }) + '\\n', () => {
         console.log(child.pid)
       })
       setInterval(() => {}, 1000)`,
    ])
    const held = Number(await new Promise((resolve) => owner.stdout.once('data', resolve)))
    process.kill(held, 0)
    owner.kill('SIGKILL')
    await eventually(() => {
      expect(() => process.kill(held, 0)).toThrow('ESRCH')
    })
  })
})

describe('certificates', () => {
  let server: RedisServer | undefined

  afterEach(async () => {
    await server?.stop()
    server = undefined
  })

  const ping = async (port: number, tls: object) => bareClient({ port, tls }).ping()

  it('let a client that trusts the authority in, by name and by address', async () => {
    server = await startRedis({ tls: true })
    const { ca } = await certificates()
    expect(await ping(server.port, { ca: ca.cert })).toBe('PONG')
    expect(await ping(server.port, { ca: ca.cert, servername: 'localhost' })).toBe('PONG')
    expect(server.url).toBe(`rediss://127.0.0.1:${server.port}`)
  })

  it('let a client without the authority nowhere', async () => {
    server = await startRedis({ tls: true })
    expect(await refusal(server.port, {})).toBe('SELF_SIGNED_CERT_IN_CHAIN')
  })

  it('answer nothing in plain text', async () => {
    server = await startRedis({ tls: true })
    await expect(bareClient({ port: server.port }).ping()).rejects.toThrow()
  })

  it('let only a client with a certificate in where the server asks for one', async () => {
    server = await startRedis({ tls: true, config: { 'tls-auth-clients': 'yes' } })
    const { ca, client: own } = await certificates()
    await expect(ping(server.port, { ca: ca.cert })).rejects.toThrow()
    expect(await ping(server.port, { ca: ca.cert, cert: own.cert, key: own.key })).toBe('PONG')
  })

  it.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['foreign', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const)('are refused when %s', async (name, code) => {
    server = await startRedis({ tls: name })
    const { ca } = await certificates()
    expect(await refusal(server.port, { ca: ca.cert })).toBe(code)
  })

  function refusal(port: number, options: object): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ host: '127.0.0.1', port, ...options }, () => {
        socket.destroy()
        reject(new Error('the handshake succeeded'))
      })
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    })
  }
})
