import { expect, it } from 'vitest'
import {
  RedisOAuthDatabaseError,
  type RedisOAuthDatabaseErrorCode,
} from '../../../src/leaves/errors.js'
import { DeletionTally } from '../../../src/redis/deletion-tally.js'

const removed = { status: 'fulfilled', value: true } as const
const absent = { status: 'fulfilled', value: false } as const
const failed = (code: RedisOAuthDatabaseErrorCode): PromiseRejectedResult => ({
  status: 'rejected',
  reason: new RedisOAuthDatabaseError(code, `it was ${code}`),
})

it('gives the number of those that were removed', () => {
  const tally = new DeletionTally()
  tally.count([removed, absent, removed])
  tally.count([removed])
  expect(tally.outcome()).toBe(3)
})

it('fails with all counts and the first code', () => {
  const tally = new DeletionTally()
  tally.count([removed, failed('READ_ONLY'), failed('PERMISSION_DENIED'), absent])
  tally.notTried += 7
  expect(() => tally.outcome()).toThrow(
    expect.objectContaining({
      name: 'DeletionError',
      code: 'READ_ONLY',
      removed: 1,
      failed: 2,
      notTried: 7,
      message: expect.stringContaining('it was READ_ONLY (1 removed, 2 failed, 7 not tried)'),
    }),
  )
})

it('says that an outcome is unknown, whatever else failed before', () => {
  const tally = new DeletionTally()
  tally.count([failed('PERMISSION_DENIED'), failed('OUTCOME_UNKNOWN')])
  expect(() => tally.outcome()).toThrow(expect.objectContaining({ code: 'OUTCOME_UNKNOWN' }))
})

it('keeps what was removed when the search for more fails', () => {
  const tally = new DeletionTally()
  tally.count([removed, removed])
  tally.end(new RedisOAuthDatabaseError('TIMEOUT', 'no answer'))
  expect(() => tally.outcome()).toThrow(
    expect.objectContaining({ code: 'TIMEOUT', removed: 2, failed: 0 }),
  )
  expect(() => tally.end(new TypeError('a bug'))).toThrow(new TypeError('a bug'))
})

it('is hopeless only when nothing succeeded because Redis is away', () => {
  const tally = new DeletionTally()
  tally.count([])
  expect(tally.isHopeless).toBe(false)
  tally.count([failed('TIMEOUT'), absent])
  expect(tally.isHopeless).toBe(false)
  tally.count([failed('TIMEOUT'), failed('PERMISSION_DENIED')])
  expect(tally.isHopeless).toBe(false)
  tally.count([failed('TIMEOUT'), failed('CONNECTION_REFUSED')])
  expect(tally.isHopeless).toBe(true)
})
