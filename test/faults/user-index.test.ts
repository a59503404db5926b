import { appendFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { lasts } from '../support/faults/duration.js'
import { startProcesses, type TestProcess } from '../support/processes/processes.js'
import { recordsOutsideOfIndex } from '../support/records/index-check.js'
import {
  type IndexStore,
  startClusterStore,
  startServerStore,
} from '../support/records/index-stores.js'

/** A round: eight processes work on one user at the same time, and then one of them ends him. */
const ROUNDS = Number(process.env.USER_INDEX_ROUNDS ?? 120)
/** Begins no further rounds after so long. */
const SECONDS = Number(process.env.USER_INDEX_SECONDS ?? Number.POSITIVE_INFINITY)
const SEED = Number(process.env.USER_INDEX_SEED ?? Date.now() % 1_000_000)
const AT_ONCE = 40
const PROCESSES = 8
/** In every so manieth batch of rounds, at a random moment. */
const CUT_EVERY = 2
const CRASH_EVERY = 5
const STRAY_DELETIONS_EVERY = 3
const LONGEST_WAIT_MS = 40

const entry = fileURLToPath(new URL('../support/records/user-index-process.mjs', import.meta.url))

let store: IndexStore
let processes: TestProcess[]

afterEach(async () => {
  await Promise.all((processes ?? []).map((each) => each.kill()))
  await store?.stop()
})

async function startOne(): Promise<TestProcess> {
  const [started] = (await startProcesses({ entry })) as [TestProcess]
  await started.call('open', {
    ...store.options,
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
  await store.all('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
}

/** Ends a process in the midst of its work, and starts another one. */
async function crash(): Promise<void> {
  const victim = pick(processes)
  await soon()
  await victim.kill()
  processes[processes.indexOf(victim)] = await startOne()
  // What it had sent is in Redis' buffers by now; each answer to us is one more turn of its loop, which reads them.
  for (let turn = 0; turn < 20; turn += 1) await store.all('PING')
}

/** Deletes records, and users with their index, as an operator with `redis-cli` does. */
async function deleteStray(users: readonly string[]): Promise<void> {
  for (let times = 0; times < 20; times += 1) {
    await lasts(1)
    const user = pick(users)
    const tag = `atxp:oauth:~access:{${user}}:`
    await store.delete(`${tag}https://a.example/mcp`)
    if (times % 5 !== 0) continue
    const all = [tag, `${tag}https://a.example/mcp`, `${tag}https://b.example/mcp`]
    const logins = [0, 1, 2].flatMap((at) => [
      `atxp:oauth:~pkce:{${user}}:state ${at}`,
      `atxp:oauth:~consumed:{${user}}:state ${at}`,
    ])
    await store.delete(`atxp:oauth:~index:{${user}}`, ...all, ...logins)
  }
}

/** Looks at all records again and again until the work has ended. Between two looks a user's slot moves, where there are slots. */
async function watch(
  work: Promise<unknown>,
  users: readonly string[],
): Promise<{ looks: number; seen: number }> {
  let isDone = false
  const ended = (): void => {
    isDone = true
  }
  work.then(ended, ended)
  let looks = 0
  let seen = 0
  while (!isDone) {
    for (const server of await store.servers()) {
      const { outside, count } = await recordsOutsideOfIndex(server)
      expect(outside, `seed ${SEED}`).toEqual([])
      seen += count
    }
    looks += 1
    await store.move(pick(users))
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

/** @param form - as reports name it */
async function race(form: string): Promise<void> {
  processes = await Promise.all(Array.from({ length: PROCESSES }, startOne))
  const startedAt = performance.now()
  const total = { rounds: 0, looks: 0, seen: 0, failed: {} as Record<string, number> }
  for (let batch = 0; batch * AT_ONCE < ROUNDS; batch += 1) {
    if (performance.now() - startedAt > SECONDS * 1_000) break
    const users = Array.from({ length: AT_ONCE }, (_, at) => `${batch}.${at}`)
    const playing = playBatch(batch, users)
    const { looks, seen } = await watch(playing, users)
    for (const counts of await playing) {
      for (const [code, count] of Object.entries(counts)) {
        total.failed[code] = (total.failed[code] ?? 0) + count
      }
    }
    const last = pick(processes).call('end', users, store.hasSlots)
    await watch(last, users)
    await last
    expect((await store.all('KEYS', 'atxp:oauth:~*{*')).flat(), `seed ${SEED}`).toEqual([])
    total.rounds += users.length
    total.looks += looks
    total.seen += seen
    const { USER_INDEX_REPORT } = process.env
    const line = { form, ...total, moved: store.moved, seed: SEED }
    if (USER_INDEX_REPORT) appendFileSync(USER_INDEX_REPORT, `${JSON.stringify(line)}\n`)
  }
  // Otherwise nothing was raced.
  expect(total.seen).toBeGreaterThan(total.looks)
}

describe('no record is ever outside of its index, and no user comes back', () => {
  const timeout = 30_000 + ROUNDS * 600

  it('in races, crashes and cuts', { timeout }, async () => {
    store = await startServerStore()
    await race('one server')
  })

  it('in races, crashes and cuts while slots of a Cluster move', { timeout }, async () => {
    store = await startClusterStore()
    await race('Cluster')
    expect(store.moved).toBeGreaterThan(0)
  })
})
