import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { acquireLease, type Lease } from '../../../src/flight/lease.js'
import { MemoryStore } from '../../support/oauth/memory-store.js'

const TERMS = { leaseMs: 3_000, maxHoldMs: 60_000 }

let store: MemoryStore

beforeEach(() => {
  vi.useFakeTimers()
  store = new MemoryStore()
})

afterEach(() => {
  vi.useRealTimers()
})

async function acquired(terms = TERMS): Promise<Lease> {
  const lease = await acquireLease(store, 'name', terms)
  if (!lease) throw new Error('not acquired')
  return lease
}

test('is held by one owner at a time', async () => {
  const lease = await acquired()
  expect(await acquireLease(store, 'name', TERMS)).toBeNull()
  expect(await acquireLease(store, 'other name', TERMS)).not.toBeNull()
  await lease.release()
  expect(await acquireLease(store, 'name', TERMS)).not.toBeNull()
})

test('outlives its own duration as long as its holder renews it', async () => {
  const lease = await acquired()
  await vi.advanceTimersByTimeAsync(30_000)
  expect(lease.lost.aborted).toBe(false)
  expect(await acquireLease(store, 'name', TERMS)).toBeNull()
})

test('survives a renewal that fails, when a later one comes in time', async () => {
  const lease = await acquired()
  let failures = 1
  store.failing = (call) => call === 'renew' && failures-- > 0
  await vi.advanceTimersByTimeAsync(10_000)
  expect(failures).toBeLessThan(1)
  expect(lease.lost.aborted).toBe(false)
})

test('is lost at once when a renewal finds another owner', async () => {
  const lease = await acquired()
  store.leases.set('name', { owner: 'another', until: Number.POSITIVE_INFINITY })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(lease.lost.aborted).toBe(true)
  await lease.release()
  expect(store.leases.get('name')?.owner).toBe('another')
})

test('is lost when it ran out without a renewal, and not before', async () => {
  const lease = await acquired()
  store.failing = (call) => call === 'renew'
  await vi.advanceTimersByTimeAsync(2_999)
  expect(lease.lost.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(lease.lost.aborted).toBe(true)
})

test('is lost when it ran out while a renewal hangs', async () => {
  const lease = await acquired()
  store.step = () => new Promise(() => undefined)
  await vi.advanceTimersByTimeAsync(3_000)
  expect(lease.lost.aborted).toBe(true)
})

test('counts from before its request: a slow reply leaves no false certainty', async () => {
  store.step = (_, when) =>
    when === 'reply' ? new Promise((resolve) => setTimeout(resolve, 2_000)) : undefined
  const lease = acquireLease(store, 'name', TERMS)
  await vi.advanceTimersByTimeAsync(2_000)
  store.failing = () => true
  const held = await lease
  await vi.advanceTimersByTimeAsync(1_000)
  expect(held?.lost.aborted).toBe(true)
})

test('ends with its budget, however alive its holder', async () => {
  const lease = await acquired({ leaseMs: 3_000, maxHoldMs: 10_000 })
  await vi.advanceTimersByTimeAsync(9_990)
  expect(lease.lost.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(20)
  expect(lease.lost.aborted).toBe(true)
  expect(store.heldLeases).toBe(0)
  expect(store.calls.filter((call) => call === 'renew')).toHaveLength(7)
})

test('has all of its budget from its mark on, also if that has ended before', async () => {
  const lease = await acquired()
  for (const waitedMs of [30_000, 61_000]) {
    await vi.advanceTimersByTimeAsync(waitedMs)
    expect(await lease.mark({ markMs: 90_000, waitMs: 10_000 })).toBe('marked')
    await vi.advanceTimersByTimeAsync(59_000)
    expect(lease.isHeld).toBe(true)
  }
  await vi.advanceTimersByTimeAsync(2_000)
  expect(lease.lost.aborted).toBe(true)
})

test('leaves no timer behind, released or lost', async () => {
  const released = await acquired()
  await released.release()
  expect(vi.getTimerCount()).toBe(0)
  const lost = await acquired()
  store.failing = (call) => call === 'renew'
  await vi.advanceTimersByTimeAsync(3_000)
  expect(lost.lost.aborted).toBe(true)
  await lost.release()
  expect(vi.getTimerCount()).toBe(0)
})

test('leaves no timer behind when it is released during a renewal', async () => {
  const lease = await acquired()
  let reply: () => void = () => undefined
  store.step = (call, when) =>
    call === 'renew' && when === 'reply'
      ? new Promise((resolve) => {
          reply = resolve
        })
      : undefined
  await vi.advanceTimersByTimeAsync(1_000)
  await lease.release()
  reply()
  await vi.advanceTimersByTimeAsync(0)
  expect(vi.getTimerCount()).toBe(0)
  expect(lease.lost.aborted).toBe(false)
})

test('is given back without an error when the store is away', async () => {
  const lease = await acquired()
  store.failing = () => true
  await expect(lease.release()).resolves.toBeUndefined()
})

test('is given back when its acquisition succeeded without the holder knowing', async () => {
  store.step = (call, when) => {
    if (call === 'acquire' && when === 'reply') throw new Error('reply lost')
  }
  await expect(acquireLease(store, 'name', TERMS)).rejects.toThrow('reply lost')
  await vi.advanceTimersByTimeAsync(0)
  expect(store.heldLeases).toBe(0)
})

const MARK = { markMs: 60_000, waitMs: 10_000 }

test('a lease that ran out is had back when nobody else took it', async () => {
  const lease = await acquired()
  store.failing = (call) => call === 'renew'
  await vi.advanceTimersByTimeAsync(4_000)
  expect([lease.lost.aborted, lease.isHeld]).toEqual([true, false])
  store.failing = null
  await vi.advanceTimersByTimeAsync(500)
  expect(lease.isHeld).toBe(true)
  expect(await acquireLease(store, 'name', TERMS)).toBeNull()
  await lease.release()
})

test('a marked lease is had back from who has not marked', async () => {
  const lease = await acquired()
  expect(await lease.mark(MARK)).toBe('marked')
  store.failing = (call) => call === 'renew'
  await vi.advanceTimersByTimeAsync(3_100)
  const other = await acquired()
  expect(await other.mark(MARK)).toMatchObject({ waitMs: 10_000 })
  store.failing = null
  await vi.advanceTimersByTimeAsync(500)
  expect(lease.isHeld).toBe(true)
  expect(await other.mark(MARK)).toBe('lost')
  await Promise.all([other.release(), lease.release()])
  expect([store.leases.size, store.marks.size]).toEqual([0, 0])
})

test('whoever has waited for a mark replaces it, and its owner knows', async () => {
  const lease = await acquired()
  await lease.mark(MARK)
  store.failing = (call) => call === 'renew'
  await vi.advanceTimersByTimeAsync(3_100)
  const other = await acquired()
  const standing = await other.mark(MARK)
  if (typeof standing === 'string') throw new Error(standing)
  expect(await other.mark(MARK, standing)).toBe('marked')
  store.failing = null
  await vi.advanceTimersByTimeAsync(500)
  expect(lease.isHeld).toBe(false)
  expect(await lease.mark(MARK)).toBe('lost')
  await Promise.all([lease.release(), other.release()])
})

test('its owner marks once more with the same mark, and clears it with the lease', async () => {
  const lease = await acquired()
  expect([await lease.mark(MARK), await lease.mark(MARK)]).toEqual(['marked', 'marked'])
  expect(store.marks.size).toBe(1)
  await lease.release()
  expect(store.marks.size).toBe(0)
})

test('is not held by the clock once its time is over, also before a timer could tell', async () => {
  vi.useRealTimers()
  vi.useFakeTimers({ toFake: ['performance'] })
  const lease = await acquired()
  expect(lease.isHeld).toBe(true)
  vi.advanceTimersByTime(3_000)
  expect([lease.isHeld, lease.lost.aborted]).toEqual([false, false])
  await lease.release()
})

test('a mark of another format is waited for as long as the own', async () => {
  const lease = await acquired()
  store.marks.set('name', { mark: '2 something new', until: Number.POSITIVE_INFINITY })
  expect(await lease.mark(MARK)).toEqual({ text: '2 something new', waitMs: 0 })
  await lease.release()
})
