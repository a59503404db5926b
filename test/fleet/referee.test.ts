import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RefereeOptions, type RefereeReport, runReferee } from '../../src/referee.js'
import { eventually } from '../support/eventually.js'
import { makeDirectory, removeDirectory } from '../support/processes/lifeline.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

const fixture = (name: string) =>
  fileURLToPath(new URL(`../support/referee/${name}`, import.meta.url))
const PROCESSES = 3
/** The scenario of a killed process takes as long as its lease and its mark. */
const ALL_SCENARIOS_MS = 120_000

let directory: string
let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

beforeEach(() => {
  directory = makeDirectory()
})
afterEach(() => removeDirectory(directory))

function judgeBad(way: string, options: Partial<RefereeOptions> = {}): Promise<RefereeReport> {
  return runReferee({
    command: [process.execPath, fixture('bad-process.mjs'), way],
    processes: PROCESSES,
    scenarios: ['cold start'],
    env: { PIDS: join(directory, 'pids') },
    ...options,
  })
}

function isAlive(pid: number): boolean {
  try {
    // A zombie that nobody has reaped is none of the living: its command line is empty.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''
  } catch {
    return false
  }
}

const startedIds = () =>
  readFileSync(join(directory, 'pids'), 'utf8').trim().split('\n').map(Number)

describe('the referee', () => {
  it.each(['v1', 'v2'])(
    'finds that a file does not hold together processes of SDK %s',
    async (version) => {
      const report = await runReferee({
        command: [process.execPath, fixture('mcp-client.mjs'), version, 'file'],
        processes: 4,
        scenarios: ['expiry met by all'],
      })
      expect(report.passed).toBe(false)
      const [result] = report.scenarios
      expect(result).toMatchObject({ passed: false, spentTokens: 1, familiesRevoked: 1 })
      expect(result?.callsLost).toBeGreaterThan(0)
      expect(result?.problems).toContain('families revoked: 1, not 0')
    },
  )

  it.concurrent.each(['v1', 'v2'])(
    'passes processes of SDK %s whose sessions are in Redis',
    async (version) => {
      const report = await runReferee({
        command: [process.execPath, fixture('mcp-client.mjs'), version, 'redis'],
        processes: PROCESSES,
        env: { REDIS_URL: redis.url },
      })
      expect(
        report.scenarios.flatMap(({ name, problems }) => problems.map((one) => [name, one])),
      ).toEqual([])
      expect(report.passed).toBe(true)
    },
    ALL_SCENARIOS_MS,
  )

  it('finds that a file for all servers hands the secrets of one to another', async () => {
    const report = await runReferee({
      command: [process.execPath, fixture('mcp-client.mjs'), 'v1', 'one-file'],
      processes: PROCESSES,
      scenarios: ['hostile server'],
    })
    expect(report.scenarios[0]?.problems).toContainEqual(
      expect.stringMatching(/secrets of the other server sent to the hostile one: [1-9]/),
    )
  })

  it('finds that processes which keep their session to themselves ask for one login each', async () => {
    const report = await runReferee({
      command: [process.execPath, fixture('mcp-client.mjs'), 'v1', 'memory'],
      processes: PROCESSES,
      scenarios: ['cold start'],
    })
    expect(report).toMatchObject({
      passed: false,
      scenarios: [{ registrations: PROCESSES, logins: PROCESSES, callsLost: 0 }],
    })
  })

  it.each([
    ['never answers', /did not answer within|was not ready within/],
    ['answers as somebody else', /answered "nobody at \/mcp", not "referee-user at \/mcp"/],
    ['answers twice, and calls of others', /^no$/],
    [
      'dies with a secret on its lips',
      /process \d ended with code 3, its last words: \[secret\] is no more/,
    ],
    [
      'asks for a login elsewhere',
      /the authorization URL is at login\.example, no server of the referee/,
    ],
    ['asks for a login at no URL', /a login failed: .*Invalid URL/],
    ['prints a line without end', /printed a line of over 100000 characters/],
    ['is never ready', /was not ready within \d+ ms/],
    ['dies at once', /ended with code 4/],
    ['leaves a child behind', /answered "nobody/],
  ])('gives a clear result for a process that %s, and ends it', async (way, problem) => {
    const waits = way === 'never answers' || way === 'is never ready'
    const report = await judgeBad(way, waits ? { timeoutMs: 1_000 } : {})
    expect(report).toMatchObject({ passed: false, scenarios: [{ passed: false }] })
    const [result] = report.scenarios
    expect(result?.problems).toContainEqual(expect.stringMatching(problem))
    // One at the cold start, one for the session that is left.
    expect([result?.callsLost, result?.callsMade]).toEqual([2 * PROCESSES, 2 * PROCESSES])
    await eventually(() => startedIds().filter(isAlive).length === 0)
  })

  it('gives a clear result for a command that cannot be started', async () => {
    const report = await judgeBad('', { command: [join(directory, 'nothing')] })
    expect(report.scenarios[0]?.problems).toContainEqual(
      expect.stringMatching(/process 1 cannot be started: .*ENOENT/),
    )
  })

  it('leaves nothing behind where Node refuses the command itself', async () => {
    const { TMPDIR } = process.env
    process.env.TMPDIR = directory
    try {
      await expect(judgeBad('', { command: ['no\0de'] })).rejects.toThrow(TypeError)
      expect(readdirSync(directory)).toEqual([])
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = TMPDIR
    }
  })

  it('warns of no leak in itself, however many processes it starts', async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => void warnings.push(warning)
    process.on('warning', note)
    await judgeBad('dies at once', { processes: 16 })
    process.off('warning', note)
    expect(warnings).toEqual([])
  })

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends its processes with a script that %s ends, and lets it end by that',
    async (signal) => {
      const script = spawn(process.execPath, [fixture('judging-script.mjs')], {
        env: { ...process.env, PIDS: join(directory, 'pids') },
        stdio: 'ignore',
      })
      const ended = once(script, 'exit')
      await eventually(() => startedIds().length === PROCESSES, { withinMs: 15_000 })
      script.kill(signal)
      expect(await ended).toEqual([null, signal])
      await eventually(() => startedIds().filter(isAlive).length === 0)
    },
  )

  it('ends a run with the reason of the signal, and all processes', async () => {
    const controller = new AbortController()
    const running = judgeBad('never answers', { signal: controller.signal })
    await eventually(() => startedIds().length === PROCESSES)
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    await eventually(() => startedIds().filter(isAlive).length === 0)
  })
})
