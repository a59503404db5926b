import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { DOCS } from '../../../src/leaves/errors.js'
import { writeWatchLine } from '../../../src/metrics/watch-line.js'
import { startMetrics } from '../../../src/metrics.js'
import { run, runInTerminal } from '../../support/cli/command-line.js'
import { eventually } from '../../support/eventually.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const CHANNEL = 'atxp:oauth:~watch'
const COUNTS = { refreshes: 4, waits: 1, rests: 0, refusals: 0, cacheHits: 1_200 }
const LINE = { process: 'web-1 4242', seconds: 1, counts: COUNTS }

let server: RedisServer
let env: Record<string, string>

beforeAll(async () => {
  server = await startRedis({ appendonly: true })
  env = { REDIS_URL: server.url }
})

afterAll(() => server?.stop())

/** Publishes these until the test ends. */
function publishing(...lines: string[]): void {
  const redis = bareClient({ path: server.path })
  const timer = setInterval(() => {
    for (const line of lines) void redis.publish(CHANNEL, line)
  }, 200)
  onTestFinished(() => clearInterval(timer))
}

it('a terminal shows a table that is redrawn in its place, and Ctrl-C ends it with 130', async () => {
  publishing(writeWatchLine(LINE))
  const terminal = runInTerminal(['watch'], env)
  await eventually(() => terminal.screen().split('PROCESS').length > 3, { withinMs: 10_000 })
  terminal.press('\u0003')
  expect(await terminal.exited).toBe(130)
  expect(terminal.text()).toMatch(/^PROCESS +REFRESHES\/S +WAITS\/S/m)
  expect(terminal.text()).toMatch(/^all 1 +4 +1 +0 +0 +1200\r?$/m)
  expect(terminal.text()).toMatch(/^web-1 4242 +4 +1 +0 +0 +1200\r?$/m)
  // Head, sum and process: three lines up, and what stood there is erased.
  expect(terminal.screen()).toContain('\u001b[3A\r\u001b[J')
  expect(terminal.text().split(/\r?\n/).at(-1)?.replace('^C', '')).toBe('')
})

it('a process that is told to publish is seen by its name', async () => {
  const db = openDatabase({ url: server.url })
  onTestFinished(startMetrics({ publish: db }))
  const ended = new AbortController()
  const lines: object[] = []
  const { code } = await run(['watch', '--json'], {
    env,
    signal: ended.signal,
    onText: (text) => {
      lines.push(JSON.parse(text))
      if (lines.length === 2) ended.abort()
    },
  })
  expect(code).toBe(130)
  for (const line of lines) {
    expect(line).toEqual({
      process: expect.stringMatching(new RegExp(` ${process.pid}\\b`)),
      ...Object.fromEntries(Object.keys(COUNTS).map((name) => [name, expect.any(Number)])),
    })
  }
})

it.each([
  ['a terminal', true],
  ['a pipe', false],
])('hostile lines move no cursor of %s, and the others are shown', async (_where, isTerminal) => {
  const evil = JSON.stringify({
    format: 1,
    process: '\u001b[2J\u0007\u202eevil',
    seconds: 1,
    ...COUNTS,
  })
  publishing(evil, 'x'.repeat(100_000), '{"format":1}', '\u001b[2J', writeWatchLine(LINE))
  const ended = new AbortController()
  let shown = ''
  await run(['watch'], {
    env,
    isTerminal,
    signal: ended.signal,
    onText: (text) => {
      shown += text
      if (shown.includes('web-1 4242') && shown.includes('evil')) ended.abort()
    },
  })
  // On a terminal, a long name is cut in front.
  expect(shown).toContain('b[2J\\u0007\\u202eevil')
  for (const text of ['\u001b[2J', '\u0007', '\u202e', 'xxx']) expect(shown).not.toContain(text)
})

it('without a terminal a line is text', async () => {
  publishing(writeWatchLine(LINE))
  const ended = new AbortController()
  const { stdout } = await run(['watch'], {
    env,
    signal: ended.signal,
    onText: () => ended.abort(),
  })
  expect(stdout).toBe('web-1 4242: refreshes 4, waits 1, rests 0, refusals 0, cacheHits 1200\n')
})

it('says so when nobody publishes', async () => {
  const ended = new AbortController()
  const { code, stdout, stderr } = await run(['watch'], {
    env: { ...env, REDIS_KEY_PREFIX: 'other:' },
    signal: ended.signal,
    onText: () => ended.abort(),
  })
  expect({ code, stdout, stderr }).toEqual({
    code: 130,
    stdout: '',
    stderr: `no process publishes here yet: see ${DOCS}/metrics.md#watch-it-live\n`,
  })
})

it('a user who may not use the channel is told what is missing, and ends with 1', async () => {
  const rule = 'on >pa55word resetkeys resetchannels +@all ~atxp:oauth:*'
  await server.cli('ACL', 'SETUSER', 'blind', ...rule.split(' '))
  const url = server.url.replace('redis://', 'redis://blind:pa55word@')
  const { code, stdout, stderr } = await run(['watch'], { env: { REDIS_URL: url } })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^atxp-redis: PERMISSION_DENIED: .*channel/)
  expect(stderr).not.toContain('pa55word')
})

it('a Redis that is away is trouble', async () => {
  const { code, stderr } = await run(['watch'], { env: { REDIS_URL: 'redis://127.0.0.1:1' } })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^atxp-redis: CONNECTION_REFUSED/)
})

it('a Redis that goes away is trouble, and not a fleet that does nothing', async () => {
  const leaving = await startServer()
  const ended = new AbortController()
  onTestFinished(() => ended.abort())
  const watching = run(['watch'], { env: { REDIS_URL: leaving.url }, signal: ended.signal })
  await eventually(async () =>
    (await leaving.cli<string[]>('PUBSUB', 'CHANNELS')).includes(CHANNEL),
  )
  await leaving.stop()
  const { code, stderr } = await watching
  expect(code).toBe(1)
  expect(stderr).toMatch(/^atxp-redis: CONNECTION_/m)
})
