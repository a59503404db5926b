import { appendFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lasts } from '../support/faults/duration.js'
import { startProcesses, type TestProcess } from '../support/processes/processes.js'
import { recordsOutsideOfIndex } from '../support/records/index-check.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

/** A round: eight processes work on one user at the same time, and then one of them ends him. */
const ROUNDS = Number(process.env.USER_INDEX_ROUNDS ?? 200)
const SEED = Number(process.env.USER_INDEX_SEED ?? Date.now() % 1_000_000)
const AT_ONCE = 40
const PROCESSES = 8
/** In every so manieth batch of rounds, at a random moment. */
const CUT_EVERY = 2
const CRASH_EVERY = 5
const STRAY_DELETIONS_EVERY = 3
const LONGEST_WAIT_MS = 40

const entry = fileURLToPath(new URL('../support/records/user-index-process.mjs', import.meta.url))

let redis: RedisServer
let processes: TestProcess[]

beforeEach(async () => {
  redis = await startRedis()
  processes = await Promise.all(Array.from({ length: PROCESSES }, startOne))
})

afterEach(async () => {
  await Promise.all((processes ?? []).map((each) => each.kill()))
  await redis?.stop()
})

async function startOne(): Promise<TestProcess> {
  const [started] = (await startProcesses({ entry })) as [TestProcess]
  await started.call('open', {
    url: redis.url,
    retryDelayOnFailover: 5,
    maxRetriesPerRequest: 100,
    commandTimeout: 10_000,
  })
  return started
}

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T
const soon = () => lasts(Math.random() * LONGEST_WAIT_MS)

/** Cuts every connection of the processes. */
async function cut(): Promise<void> {
  await soon()
  await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
}

/** Ends a process in the midst of its work, and starts another one. */
async function crash(): Promise<void> {
  const victim = pick(processes)
  await soon()
  await victim.kill()
  processes[processes.indexOf(victim)] = await startOne()
  // What it had sent is in Redis' buffers by now; each answer to us is one more turn of its loop, which reads them.
  for (let turn = 0; turn < 20; turn += 1) await redis.cli('PING')
}

/** Deletes records, and users with their index, as an operator with `redis-cli` does. */
async function deleteStray(users: readonly string[]): Promise<void> {
  for (let times = 0; times < 20; times += 1) {
    await lasts(1)
    const user = pick(users)
    const tag = `atxp:oauth:~access:{${user}}:`
    await redis.cli('DEL', `${tag}https://a.example/mcp`)
    if (times % 5 !== 0) continue
    const all = [tag, `${tag}https://a.example/mcp`, `${tag}https://b.example/mcp`]
    const logins = [0, 1, 2].flatMap((at) => [
      `atxp:oauth:~pkce:{${user}}:state ${at}`,
      `atxp:oauth:~consumed:{${user}}:state ${at}`,
    ])
    await redis.cli('DEL', `atxp:oauth:~index:{${user}}`, ...all, ...logins)
  }
}

/** Looks at all records again and again until the work has ended. */
async function watch(work: Promise<unknown>): Promise<{ looks: number; seen: number }> {
  let isDone = false
  const ended = (): void => {
    isDone = true
  }
  work.then(ended, ended)
  let looks = 0
  let seen = 0
  while (!isDone) {
    const { outside, count } = await recordsOutsideOfIndex(redis)
    expect(outside, `seed ${SEED}`).toEqual([])
    looks += 1
    seen += count
    await lasts(1)
  }
  return { looks, seen }
}

async function playBatch(
  batch: number,
  users: readonly string[],
): Promise<Record<string, number>[]> {
  const seed = SEED + batch * PROCESSES
  // The process that crashes takes its calls with it.
  const plays = processes.map((each, at) => each.call('play', users, seed + at).catch(() => ({})))
  const faults = [
    ...(batch % CUT_EVERY === 0 ? [cut()] : []),
    ...(batch % CRASH_EVERY === 0 ? [crash()] : []),
    ...(batch % STRAY_DELETIONS_EVERY === 0 ? [deleteStray(users)] : []),
  ]
  const failed = await Promise.all(plays)
  await Promise.all(faults)
  return failed as Record<string, number>[]
}

it(
  'no record is ever outside of its index, and no user comes back, in races, crashes and cuts',
  async () => {
    const total = { rounds: 0, looks: 0, seen: 0, failed: {} as Record<string, number> }
    for (let batch = 0; batch * AT_ONCE < ROUNDS; batch += 1) {
      const users = Array.from({ length: AT_ONCE }, (_, at) => `${batch}.${at}`)
      const playing = playBatch(batch, users)
      const { looks, seen } = await watch(playing)
      for (const counts of await playing) {
        for (const [code, count] of Object.entries(counts)) {
          total.failed[code] = (total.failed[code] ?? 0) + count
        }
      }
      const last = pick(processes).call('end', users)
      await watch(last)
      await last
      expect(await redis.cli('KEYS', 'atxp:oauth:~*{*'), `seed ${SEED}`).toEqual([])
      total.rounds += users.length
      total.looks += looks
      total.seen += seen
      const { USER_INDEX_REPORT } = process.env
      if (USER_INDEX_REPORT)
        appendFileSync(USER_INDEX_REPORT, `${JSON.stringify({ ...total, seed: SEED })}\n`)
    }
    // Otherwise nothing was raced.
    expect(total.seen).toBeGreaterThan(total.looks)
  },
  30_000 + ROUNDS * 600,
)
