import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../support/servers/free-port.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

// `@atxp/redis` is found from here by its own name.
const root = fileURLToPath(new URL('../../..', import.meta.url))
const PATIENCE_MS = 10_000

let server: RedisServer

beforeEach(async () => {
  server = await startRedis()
})

afterEach(async () => {
  await server.stop()
})

interface Ended {
  /** Null when it had to be killed because it did not end by itself. */
  code: number | null
  stdout: string
  stderr: string
}

/** Runs a program to its end. Node ends with 1 for an unhandled rejection, and with 13 when it stops waiting for `await`. */
function run(program: string, options: object): Promise<Ended> {
  const code = `import { RedisOAuthDatabase } from '@atxp/redis'
const open = () => new RedisOAuthDatabase(${JSON.stringify(options)})
const db = open()
const codeOf = (error) => error.code ?? String(error)
${program}`
  return new Promise((resolve) => {
    const args = ['--input-type=module', '--eval', code]
    const spawned = { cwd: root, timeout: PATIENCE_MS, killSignal: 'SIGKILL' as const }
    execFile(process.execPath, args, spawned, (error, stdout, stderr) => {
      resolve({
        code: error === null ? 0 : ((error.code as number | null) ?? null),
        stdout,
        stderr,
      })
    })
  })
}

const here = () => ({ host: server.host, port: server.port })
const CLEAN = { code: 0, stderr: '' }

describe('a process ends by itself', () => {
  it('after close', async () => {
    const program = `
      await db.storeToken('a', 'one')
      console.log(await db.getToken('a'))
      await db.close()`
    expect(await run(program, here())).toEqual({ ...CLEAN, stdout: 'one\n' })
  })

  it('after close, though nobody waits for what was called before', async () => {
    const program = `
      db.storeToken('a', 'one')
      db.listTokens()
      db.close()`
    expect(await run(program, here())).toEqual({ ...CLEAN, stdout: '' })
    expect(await server.cli('GET', 'atxp:oauth:a')).toBe('one')
  })

  it('without close where nothing was called', async () => {
    expect(await run('', here())).toEqual({ ...CLEAN, stdout: '' })
  })

  it('without close when Redis is away, once its calls have failed', async () => {
    const options = { host: '127.0.0.1', port: await freePort() }
    const program = `
      const codes = await Promise.all([
        db.getToken('a').catch(codeOf),
        db.storeToken('a', 'one').catch(codeOf),
      ])
      console.log(codes.join())`
    const stdout = 'CONNECTION_REFUSED,CONNECTION_REFUSED\n'
    expect(await run(program, options)).toEqual({ ...CLEAN, stdout })
  })

  it('without close when Redis went away for good', async () => {
    const program = `
      import { execFileSync } from 'node:child_process'
      await db.ping()
      execFileSync('kill', ['-9', '${server.pid}'])
      console.log(await db.getToken('a').catch(codeOf))`
    expect(await run(program, here())).toEqual({ ...CLEAN, stdout: 'CONNECTION_REFUSED\n' })
  })

  it('without close when it was refused', async () => {
    const program = `console.log(await db.ping().catch(codeOf))`
    const options = { ...here(), username: 'nobody', password: 'wrong' }
    const stdout = 'AUTHENTICATION_FAILED\n'
    expect(await run(program, options)).toEqual({ ...CLEAN, stdout })
  })

  it('after close on a server that hangs', async () => {
    const program = `
      await db.ping()
      process.kill(${server.pid}, 'SIGSTOP')
      console.log(await Promise.all([db.getToken('a').catch(codeOf), db.close()]))`
    const ended = await run(program, { ...here(), commandTimeout: 200 })
    server.resume()
    expect(ended).toEqual({ ...CLEAN, stdout: "[ 'TIMEOUT', undefined ]\n" })
  })

  it('after close while it connects again', async () => {
    const program = `
      await db.ping()
      process.kill(${server.pid}, 'SIGKILL')
      await db.getToken('a').catch(codeOf)
      await db.close()
      console.log('closed')`
    expect(await run(program, here())).toEqual({ ...CLEAN, stdout: 'closed\n' })
  })
})

describe('a process lives', () => {
  it('until a call has settled, though no socket is open', async () => {
    const options = { host: '127.0.0.1', port: await freePort(), connectionTimeout: 400 }
    const program = `console.log(await db.getToken('a').catch(codeOf))`
    const ended = await run(program, { ...options, retryDelayOnFailover: 60_000 })
    expect(ended).toEqual({ ...CLEAN, stdout: 'CONNECTION_REFUSED\n' })
  })
})

describe('no rejection and no error event goes unhandled', () => {
  it.each([
    ['a server that is not there', async () => ({ host: '127.0.0.1', port: await freePort() })],
    ['a name that does not resolve', async () => ({ host: 'no-such-host.invalid' })],
    ['a wrong password', async () => ({ ...here(), password: 'wrong', username: 'nobody' })],
    ['a database that there is not', async () => ({ ...here(), db: 999 })],
    ['a port that speaks no TLS', async () => ({ ...here(), tls: {}, connectionTimeout: 100 })],
    ['a socket that is missing', async () => ({ path: '/nowhere/redis.sock' })],
  ])('with %s, in whatever order things happen', async (_what, place) => {
    const program = `
      const calls = (db) => [
        db.storeToken('a', 'one'), db.getToken('a'), db.listTokens(), db.getTokens(['a', 'b']),
        db.deleteTokens(['a', 'b']), db.storeTokens([{ key: 'a', token: 'one' }, { key: 'b', token: 'two' }]),
      ]
      const settled = await Promise.allSettled(calls(db))
      const two = open()
      const late = Promise.allSettled(calls(two))
      await two.close()
      await late
      const three = open()
      const first = Promise.allSettled(calls(three))
      const closed = three.close()
      const afterwards = Promise.allSettled(calls(three))
      await Promise.all([first, closed, afterwards])
      open()
      await db.close()
      console.log(settled.map(({ status }) => status).join())`
    const options = { commandTimeout: 800, retryDelayOnFailover: 10, ...(await place()) }
    const stdout = `${Array.from({ length: 6 }, () => 'rejected').join()}\n`
    expect(await run(program, options)).toEqual({ ...CLEAN, stdout })
  })

  it('when the server dies under calls and comes back', async () => {
    const program = `
      const calls = () => Array.from({ length: 50 }, (_, i) => [
        db.storeToken('a' + i, 'one'), db.getToken('a' + i), db.deleteToken('a' + i), db.listTokens(),
      ]).flat()
      await Promise.all(calls())
      const during = Promise.allSettled(calls())
      process.kill(${server.pid}, 'SIGKILL')
      await during
      await Promise.allSettled(calls())
      await db.close()`
    expect(await run(program, here())).toEqual({ ...CLEAN, stdout: '' })
  })
})
