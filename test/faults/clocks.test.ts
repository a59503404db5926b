import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { endure } from '../support/faults/fault.js'
import { startProcesses, type TestProcess } from '../support/processes/processes.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

const MINUTE_MS = 60_000
const entry = fileURLToPath(new URL('../support/faults/load-process.mjs', import.meta.url))
const preload = new URL('../support/faults/shifted-clock.mjs', import.meta.url)

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server?.stop())

beforeEach(async () => {
  await server.cli('FLUSHALL')
})

const shifted = (minutes: number) => ({
  NODE_OPTIONS: `--import ${preload}`,
  CLOCK_SHIFT_MS: String(minutes * MINUTE_MS),
})

it('processes whose clocks are ten minutes apart, under load', async () => {
  await endure({
    name: 'clocks of the processes ten minutes behind, right, and ten minutes ahead',
    load: {
      database: { host: server.host, port: server.port },
      env: (index) => shifted(10 * (index - 1)),
    },
    strike: (load) => load.called(300),
    codes: [],
    isForDoctor: true,
  })
})

describe('what is about to expire', () => {
  const SHIFTS = { behind: -10, right: 0, ahead: 10 }
  const processes = new Map<string, TestProcess>()

  beforeAll(async () => {
    for (const [name, minutes] of Object.entries(SHIFTS)) {
      const [process] = await startProcesses({ entry, env: shifted(minutes) })
      processes.set(name, process as TestProcess)
      await process?.call('open', { host: server.host, port: server.port })
    }
  })

  afterAll(async () => {
    for (const process of processes.values()) await process.kill()
  })

  const call = <T>(name: string, method: string, ...args: unknown[]) =>
    processes.get(name)?.call<T>('call', method, ...args) as Promise<T>
  const inMinutes = (minutes: number) => Date.now() + minutes * MINUTE_MS

  it('has processes with the clocks that it asks for', async () => {
    for (const [name, minutes] of Object.entries(SHIFTS)) {
      const now = (await processes.get(name)?.call<number>('now')) ?? 0
      expect((now - Date.now()) / MINUTE_MS).toBeCloseTo(minutes, 0)
    }
  })

  it.each(Object.keys(SHIFTS))(
    'a token stored by one that is %s lives by the clock of Redis alone',
    async (writer) => {
      await call(writer, 'storeToken', 'lives', 'token', new Date(inMinutes(5)))
      await call(writer, 'storeToken', 'ends', 'token', new Date(Date.now() + 1_000))
      await call(writer, 'storeToken', 'ended', 'token', new Date(inMinutes(-1)))
      for (const reader of processes.keys()) {
        expect(await call(reader, 'getToken', 'lives')).toBe('token')
        expect(await call(reader, 'getToken', 'ended')).toBeNull()
      }
      for (const reader of processes.keys()) {
        await eventually(async () => (await call(reader, 'getToken', 'ends')) === null)
      }
    },
  )

  it('an access token is hidden by a reader that takes it for expired, and stays for the others', async () => {
    const record = { accessToken: 'access', resourceUrl: '', expiresAt: inMinutes(5) }
    await call('right', 'saveAccessToken', 'user', 'https://a.example', record)
    expect(await call('ahead', 'getAccessToken', 'user', 'https://a.example')).toBeNull()
    expect(await call('right', 'getAccessToken', 'user', 'https://a.example')).toEqual(record)
    expect(await call('behind', 'getAccessToken', 'user', 'https://a.example')).toEqual(record)
  })

  it('an access token with a refresh token is there for everyone', async () => {
    const record = {
      accessToken: 'access',
      refreshToken: 'refresh',
      resourceUrl: '',
      expiresAt: inMinutes(5),
    }
    for (const writer of processes.keys()) {
      await call(writer, 'saveAccessToken', 'user', 'https://b.example', record)
      for (const reader of processes.keys()) {
        expect(await call(reader, 'getAccessToken', 'user', 'https://b.example')).toEqual(record)
      }
    }
  })

  it('the health of a database tells how far its clock is off', async () => {
    const health = await call<{ nodes: { clockSkewMs: number }[]; warnings: { code: string }[] }>(
      'ahead',
      'health',
    )
    expect((health.nodes[0]?.clockSkewMs ?? 0) / MINUTE_MS).toBeCloseTo(10, 0)
    const skew = expect.objectContaining({ code: 'CLOCK_SKEW' })
    expect(health.warnings).toContainEqual(skew)
    const right = await call<{ warnings: { code: string }[] }>('right', 'health')
    expect(right.warnings).not.toContainEqual(skew)
  })
})
