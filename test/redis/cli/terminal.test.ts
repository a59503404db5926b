import { afterAll, beforeAll, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { runInTerminal } from '../../support/cli/command-line.js'
import { eventually } from '../../support/eventually.js'
import { startProxy } from '../../support/scene.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const TOKEN = { accessToken: 's3cr3t', refreshToken: 's3cr3t', resourceUrl: '' }
const USERS = 3_000

let server: RedisServer
let env: Record<string, string>

beforeAll(async () => {
  server = await startRedis({ appendonly: true })
  env = { REDIS_URL: server.url }
  const db = new RedisOAuthDatabase({ url: server.url })
  await Promise.all(Array.from({ length: USERS }, (_, i) => db.saveAccessToken(`u${i}`, '', TOKEN)))
  await db.close()
})

afterAll(() => server?.stop())

it('a terminal shows a bar, which no line of the result runs into', async () => {
  const terminal = runInTerminal(['users'], env)
  expect(await terminal.exited).toBe(0)
  const lines = terminal.text().split(/\r?\n|\r/)
  expect(lines.filter((line) => /^u\d+$/.test(line)).length).toBeGreaterThanOrEqual(USERS)
  expect(terminal.text()).toMatch(/\[#+-*\] \d+ % \d+ of \d+ keys/)
  expect(lines.filter((line) => /\[.*\] .*u\d/.test(line))).toEqual([])
})

it('a terminal has colours, and none with NO_COLOR', async () => {
  const coloured = runInTerminal(['doctor'], env)
  expect(await coloured.exited).toBe(0)
  expect(coloured.screen()).toContain('\u001b[32mok')
  const plain = runInTerminal(['doctor'], { ...env, NO_COLOR: '1' })
  expect(await plain.exited).toBe(0)
  expect(plain.screen()).not.toContain('\u001b[32m')
  expect(plain.text()).toMatch(/^ok {7}connections use no TLS/m)
  expect(plain.screen()).not.toContain('s3cr3t')
})

it('Ctrl-C ends a command with 130, and leaves the cursor at the start of a line', async () => {
  const proxy = await startProxy(server)
  const terminal = runInTerminal(['users'], { REDIS_URL: `redis://127.0.0.1:${proxy.port}` })
  await eventually(() => /u\d/.test(terminal.text()) || proxy.accepted > 0, { withinMs: 10_000 })
  proxy.stall()
  terminal.press('\u0003')
  expect(await terminal.exited).toBe(130)
})

it('keygen shows no key', async () => {
  const terminal = runInTerminal(['keygen'], {})
  expect(await terminal.exited).toBe(2)
  expect(terminal.text()).toContain('shows no key on a terminal')
  expect(terminal.text()).not.toMatch(/[\w-]{43}/)
})
