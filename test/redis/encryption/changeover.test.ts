import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { formOf } from '../../support/encryption/encryption-places.js'
import { eventually } from '../../support/eventually.js'
import { startProcesses, type TestProcess } from '../../support/processes/processes.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'

const PROCESSES = 3
const ROUNDS = 15
const entry = fileURLToPath(
  new globalThis.URL('../../support/encryption/encryption-process.mjs', import.meta.url),
)

const A = { id: 'a', key: randomBytes(32) }
const B = { id: 'b', key: randomBytes(32) }
const hashKeys = { key: randomBytes(32) }

/** A configuration that every process is given in turn, or `'reseal'`, with the configuration before it. */
type Step = RedisOAuthDatabaseOptions | 'reseal'

// As docs/security.md has them.
const PLAIN = {}
const PLAIN_READING_BOTH = {
  encryption: { keys: [A], acceptPlaintext: true, writePlaintext: true },
}
const SEALED_READING_BOTH = { encryption: { keys: [A], acceptPlaintext: true } }
const SEALED = { encryption: { keys: [A] } }

const sealedWith = (...keys: (typeof A)[]): RedisOAuthDatabaseOptions => ({ encryption: { keys } })
const hashed = (step: Step): Step => (step === 'reseal' ? step : { ...step, hashKeys })

const ROLL_KEYS: Step[] = [
  sealedWith(A),
  sealedWith(A, B),
  sealedWith(B, A),
  'reseal',
  sealedWith(B),
]

const JOURNEYS: [string, Step[], string[]][] = [
  [
    'from plain records to sealed ones',
    [PLAIN, PLAIN_READING_BOTH, SEALED_READING_BOTH, 'reseal', SEALED],
    ['a'],
  ],
  [
    'from sealed records to plain ones',
    [SEALED, SEALED_READING_BOTH, PLAIN_READING_BOTH, 'reseal', PLAIN],
    ['plain'],
  ],
  ['from one key to another', ROLL_KEYS, ['b']],
  ['from one key to another with hashed names', ROLL_KEYS.map(hashed), ['b']],
]

describe('processes that read and write all the time', () => {
  it.each(JOURNEYS)(
    'go %s without a read that fails or a write that is lost',
    async (_title, steps, forms) => {
      const server = await startServer()
      const { url } = server
      const [first = {}] = steps as RedisOAuthDatabaseOptions[]
      await saveOld({ url, ...first })
      const processes = await startProcesses({ entry, count: PROCESSES })
      onTestFinished(async () => {
        await Promise.all(processes.map((each) => each.kill()))
      })
      let config = first
      await Promise.all(processes.map((each) => each.call('configure', { url, ...first })))
      await Promise.all(processes.map((each, index) => each.call('start', index, PROCESSES)))
      for (const step of steps) {
        if (step === 'reseal') {
          const progress = await openDatabase({ url, ...config }).reseal()
          expect(progress).toMatchObject({ unreadable: 0 })
          expect(progress.resealed).toBeGreaterThan(0)
        } else {
          config = step
          for (const each of processes) {
            await each.call('configure', { url, ...step })
            await allGoOn(processes)
          }
        }
      }
      const ends = await Promise.all(
        processes.map((each) => each.call<{ failures: string[] }>('stop')),
      )
      expect(ends.flatMap(({ failures }) => failures)).toEqual([])
      expect(await formsOf(bareClient({ path: server.path }))).toEqual(forms)
    },
    60_000,
  )
})

/** Records that no process writes again. */
async function saveOld(options: RedisOAuthDatabaseOptions): Promise<void> {
  const db = openDatabase(options)
  await db.storeToken('old', 'old')
  await db.saveAccessToken('old', 'old', { accessToken: 'old', refreshToken: 'r', resourceUrl: '' })
  await db.saveClientCredentials('old', { clientId: 'old', clientSecret: 's', redirectUri: '' })
}

/** Comes back when each has read and written everything again, with whatever the others are configured to. */
async function allGoOn(processes: TestProcess[]): Promise<void> {
  const rounds = () => Promise.all(processes.map((each) => each.call<number>('rounds')))
  const before = await rounds()
  await eventually(
    async () => {
      const now = await rounds()
      return now.every((round, index) => round >= (before[index] ?? 0) + ROUNDS)
    },
    { withinMs: 20_000 },
  )
}

/** The ids of the keys under which records stand, and `plain`. What is just consumed goes by itself. */
async function formsOf(redis: Redis): Promise<string[]> {
  const names = await redis.keys('*')
  const records = names.filter((name) => !/~(lease|consumed|index):/.test(name))
  const values = await redis.mgetBuffer(records)
  return [...new Set(values.filter((value) => value !== null).map(formOf))].sort()
}
