import { beforeEach, expect, it } from 'vitest'
import { RedisOAuthDatabaseError } from '../../../src/leaves/errors.js'
import { KeySpace } from '../../../src/record/keys.js'
import { DeletionTally } from '../../../src/redis/deletion-tally.js'
import type { IndexCommands } from '../../../src/redis/index-commands.js'
import { IndexedRecords } from '../../../src/store/vault/indexed-records.js'

// Replies in orders that one connection does not give: in a Cluster, commands of one user may go to two nodes.

const EXPIRY = { ttlMs: 60_000 }
const key = new KeySpace('test:').of('access', 'ann', 'https://server.example/mcp')

const REFUSED = new RedisOAuthDatabaseError('READ_ONLY', 'refused')

/** What stands under the key; null: nothing. */
let standing: unknown
/** What a `SET ... XX` was answered, by its value: called to let the answer arrive. */
let answers: Map<unknown, { arrive(): void; fail(error: Error): void }>
/** Lets the look at an index end. */
let look: { fail(error: Error): void; find(entries: Map<string, string>): void }
let records: IndexedRecords

const commands: Pick<IndexCommands, 'set' | 'setExisting' | 'entries' | 'delete'> = {
  async set(_key, _entry, value, _expiry, _life, mode = 'always') {
    if (mode === 'absent' && standing !== null) return false
    standing = value
    return true
  },
  setExisting: (_key, value, _expiry, read) =>
    new Promise((resolve, reject) => {
      const reply = standing === null ? null : Buffer.from('OK')
      answers.set(value, { arrive: () => resolve(read(reply)), fail: reject })
    }),
  entries: () =>
    new Promise((find, fail) => {
      look = { find, fail }
    }),
  delete: () => Promise.reject(REFUSED),
}

beforeEach(async () => {
  standing = null
  answers = new Map()
  records = new IndexedRecords(new KeySpace('test:'), commands as IndexCommands, 0)
  await records.set(key, 'remembered', EXPIRY)
  standing = null
})

const outcome = (saving: Promise<void>): Promise<unknown> =>
  saving.then(
    () => 'saved',
    (error: unknown) => error,
  )

const LOST = new Error('lost')

it('a save that found no record is made although a later one has failed, and a read has met that', async () => {
  const first = outcome(records.set(key, 'first', EXPIRY))
  const second = outcome(records.set(key, 'second', EXPIRY))
  answers.get('second')?.fail(LOST)
  expect(await second).toBe(LOST)
  await records.savedSince(key, records.lateSaves)
  answers.get('first')?.arrive()
  expect(await first).toBe('saved')
  expect(standing).toBe('first')
})

it('a save that found no record gives way to a later one that came while it waited for a deletion', async () => {
  const first = outcome(records.set(key, 'first', EXPIRY))
  const deleting = outcome(records.deleteAll('ann', new DeletionTally()))
  answers.get('first')?.arrive()
  const second = outcome(records.set(key, 'second', EXPIRY))
  look.fail(LOST)
  expect(await deleting).toBe(LOST)
  answers.get('second')?.arrive()
  expect(await Promise.all([first, second])).toEqual(['saved', 'saved'])
  expect(standing).toBe('second')
})

it('a save that found no record is made although the user was deleted after it, where that has failed', async () => {
  const first = outcome(records.set(key, 'first', EXPIRY))
  const deleting = records.deleteAll('ann', new DeletionTally())
  answers.get('first')?.arrive()
  look.find(new Map([['access:https://other.example/mcp', '1']]))
  await deleting
  expect(await first).toBe('saved')
  expect(standing).toBe('first')
})

it('a save that found no record is done where a later one has succeeded', async () => {
  const first = outcome(records.set(key, 'first', EXPIRY))
  standing = 'by a peer'
  const second = outcome(records.set(key, 'second', EXPIRY))
  answers.get('second')?.arrive()
  expect(await second).toBe('saved')
  answers.get('first')?.arrive()
  expect(await first).toBe('saved')
  expect(standing).toBe('by a peer')
})
