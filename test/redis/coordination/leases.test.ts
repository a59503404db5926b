import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { LeaseStore } from '../../../src/flight/lease.js'
import { STORES, type Stores } from '../../support/coordination/stores.js'
import { eventually } from '../../support/eventually.js'

const LONG_MS = 60_000
const SHORT_MS = 40

describe.each(STORES)('leases and marks in %s', (_, start) => {
  let stores: Stores
  let leases: LeaseStore
  /** As `fingerprint` makes them. */
  let name: string

  beforeAll(async () => {
    stores = await start()
    leases = stores.leases
  }, 60_000)
  afterAll(() => stores?.stop())
  beforeEach(() => {
    name = createHash('sha256').update(randomUUID()).digest('base64url')
  })

  const expired = (by: string) => eventually(() => leases.acquire(name, by, LONG_MS))

  it('are taken by one owner, and by the same again when its command was sent twice', async () => {
    expect(await leases.acquire(name, 'a', LONG_MS)).toBe(true)
    expect(await leases.acquire(name, 'b', LONG_MS)).toBe(false)
    expect(await leases.acquire(name, 'a', LONG_MS)).toBe(true)
  })

  it('run out', async () => {
    await leases.acquire(name, 'a', SHORT_MS)
    await expired('b')
    expect(await leases.renew(name, 'a', LONG_MS)).toBe(false)
  })

  it('are taken back by a renewal while nobody holds them', async () => {
    expect(await leases.renew(name, 'a', LONG_MS)).toBe(true)
    expect(await leases.acquire(name, 'b', LONG_MS)).toBe(false)
  })

  it('are taken back from an owner that has not marked, by the one whose mark stands', async () => {
    await leases.acquire(name, 'a', LONG_MS)
    expect(await leases.mark(name, 'a', SHORT_MS, 'mark of a', LONG_MS)).toBe('mark of a')
    await expired('b')
    expect(await leases.renew(name, 'a', LONG_MS)).toBe(false)
    expect(await leases.renew(name, 'a', LONG_MS, 'mark of a')).toBe(true)
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS)).toBeNull()
  })

  it('are taken back from an owner that has not marked by one whose mark was lost, and so is the mark', async () => {
    await leases.acquire(name, 'b', LONG_MS)
    expect(await leases.renew(name, 'a', LONG_MS, 'mark of a')).toBe(false)
    expect(await leases.renew(name, 'a', LONG_MS, 'mark of a', LONG_MS)).toBe(true)
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS)).toBeNull()
    expect(await leases.release(name, 'a')).toBe(true)
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS)).toBe('mark of a')
  })

  it('are not taken back once another has marked', async () => {
    await leases.mark(name, 'a', SHORT_MS, 'mark of a', LONG_MS)
    await expired('b')
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS, 'mark of a')).toBe(
      'mark of b',
    )
    expect(await leases.renew(name, 'a', LONG_MS, 'mark of a', LONG_MS)).toBe(false)
  })

  it('a mark is written with a lease that is held or free, and not with one of another', async () => {
    expect(await leases.mark(name, 'a', LONG_MS, 'mark of a', LONG_MS)).toBe('mark of a')
    expect(await leases.mark(name, 'a', LONG_MS, 'mark of a', LONG_MS)).toBe('mark of a')
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS)).toBeNull()
    expect(await leases.acquire(name, 'b', LONG_MS)).toBe(false)
  })

  it("another's mark stops it, unless that one was awaited, and the lease is kept all the same", async () => {
    await leases.mark(name, 'a', SHORT_MS, 'mark of a', LONG_MS)
    await expired('b')
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS)).toBe('mark of a')
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS, 'of c')).toBe('mark of a')
    expect(await leases.acquire(name, 'c', LONG_MS)).toBe(false)
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS, 'mark of a')).toBe(
      'mark of b',
    )
  })

  it('a mark outlives its lease, and runs out too', async () => {
    await leases.mark(name, 'a', SHORT_MS, 'mark of a', 5 * SHORT_MS)
    await expired('b')
    await eventually(
      async () => (await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS)) === 'mark of b',
    )
  })

  it('a release clears both, and wakes who watches', async () => {
    await leases.mark(name, 'a', LONG_MS, 'mark of a', LONG_MS)
    let woken = 0
    const unwatch = await leases.watch(name, () => {
      woken += 1
    })
    expect(await leases.release(name, 'a', 'mark of a')).toBe(true)
    await eventually(() => woken === 1)
    unwatch()
    expect(await leases.acquire(name, 'b', LONG_MS)).toBe(true)
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS)).toBe('mark of b')
  })

  it("a release leaves another's lease and mark, and clears its own mark without the lease", async () => {
    await leases.mark(name, 'a', SHORT_MS, 'mark of a', LONG_MS)
    await expired('b')
    expect(await leases.release(name, 'c', 'mark of c')).toBe(false)
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS)).toBe('mark of a')
    expect(await leases.release(name, 'a', 'mark of a')).toBe(false)
    expect(await leases.mark(name, 'b', LONG_MS, 'mark of b', LONG_MS)).toBe('mark of b')
    expect(await leases.acquire(name, 'c', LONG_MS)).toBe(false)
  })
})
