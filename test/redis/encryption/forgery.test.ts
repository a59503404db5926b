import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import {
  expectRefusal,
  type Place,
  placesOf,
  prepare,
  readAll,
  saveAll,
} from '../../support/encryption/encryption-places.js'
import { eventually } from '../../support/eventually.js'
import { openDatabase } from '../../support/scene.js'

const keys = [{ id: 'k1', key: randomBytes(32) }]
const hashKeys = { key: randomBytes(32) }

type Encrypted = RedisOAuthDatabaseOptions & { encryption: { keys: typeof keys } }

const VARIANTS: [string, Encrypted][] = [
  ['plain names', { encryption: { keys } }],
  ['hashed names', { encryption: { keys }, hashKeys }],
]

/** What can be made of a record and of another one. */
type Mutation = (own: Buffer, other: Buffer) => Buffer

const part = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const bytes = fc.uint8Array({ maxLength: 200 }).map((some) => Buffer.from(some))
const at = (record: Buffer, share: number): number => Math.floor(record.length * share)

const mutations: fc.Arbitrary<Mutation> = fc.oneof(
  part.map(
    (cut): Mutation =>
      (own) =>
        own.subarray(0, at(own, cut)),
  ),
  part.map(
    (cut): Mutation =>
      (own) =>
        own.subarray(at(own, cut)),
  ),
  fc.tuple(part, fc.nat(7)).map(
    ([where, bit]): Mutation =>
      (own) => {
        const turned = Buffer.from(own)
        turned.writeUInt8(turned.readUInt8(at(own, where)) ^ (1 << bit), at(own, where))
        return turned
      },
  ),
  part.map(
    (seam): Mutation =>
      (own, other) =>
        Buffer.concat([own.subarray(0, at(own, seam)), other.subarray(at(other, seam))]),
  ),
  fc.tuple(part, bytes).map(
    ([where, some]): Mutation =>
      (own) =>
        Buffer.concat([own.subarray(0, at(own, where)), some, own.subarray(at(own, where))]),
  ),
  fc.tuple(fc.nat(20), bytes).map(
    ([kept, some]): Mutation =>
      (own) =>
        Buffer.concat([own.subarray(0, kept), some]),
  ),
  bytes.map(
    (some): Mutation =>
      () =>
        some,
  ),
  fc.string({ unit: 'binary' }).map(
    (text): Mutation =>
      () =>
        Buffer.from(text),
  ),
  fc.json().map(
    (text): Mutation =>
      () =>
        Buffer.from(text),
  ),
)

describe.each(VARIANTS)('whoever can write to Redis cannot, with %s,', (_variant, options) => {
  it('pass any record off as any other', async () => {
    const { redis, places, originals, requests } = await prepare(options)
    for (const target of places) {
      for (const source of places.filter((one) => one !== target)) {
        await redis.copy(source.key, target.key, 'REPLACE')
        await expectRefusal(redis, target)
      }
      await redis.set(target.key, originals.get(target.key) as Buffer)
      await readAll(target)
    }
    expect(requests()).toBe(0)
  })

  it('pass off anything that they make of records', async () => {
    const { redis, places, originals, requests } = await prepare(options)
    const original = ({ key }: Place): Buffer => originals.get(key) as Buffer
    const place = fc.constantFrom(...places)
    await fc.assert(
      fc.asyncProperty(place, place, mutations, async (target, source, mutate) => {
        const forged = mutate(original(target), original(source))
        fc.pre(!forged.equals(original(target)))
        await redis.set(target.key, forged)
        await expectRefusal(redis, target)
        await redis.set(target.key, original(target))
      }),
      { numRuns: 300 },
    )
    expect(requests()).toBe(0)
  }, 60_000)

  it('plant plain records, the right ones included', async () => {
    const { url, redis, places } = await prepare(options)
    const { encryption } = options
    const plain = { ...encryption, acceptPlaintext: true, writePlaintext: true }
    await saveAll(openDatabase({ url, ...options, encryption: plain }))
    for (const place of places) await expectRefusal(redis, place)
  })

  it('pass off sealed records while plain ones are accepted', async () => {
    const { encryption } = options
    const accepting = { ...options, encryption: { ...encryption, acceptPlaintext: true } }
    const { redis, places } = await prepare(accepting)
    const [first, ...others] = places as [Place, ...Place[]]
    for (const place of others) await redis.copy(first.key, place.key, 'REPLACE')
    for (const place of others) await expectRefusal(redis, place)
  })

  it.each([
    ['of an unknown id', { id: 'k2', key: randomBytes(32) }],
    ['of the right id', { id: 'k1', key: randomBytes(32) }],
  ])('make records with another key %s', async (_which, key) => {
    const { url, redis, places } = await prepare(options)
    await saveAll(openDatabase({ url, ...options, encryption: { keys: [key] } }))
    for (const place of places) await expectRefusal(redis, place)
  })

  it('carry a record to another prefix, or into another database without its key', async () => {
    const { url, redis, places } = await prepare(options)
    const other = openDatabase({ url, ...options, keyPrefix: 'other:', singleUsePkce: false })
    const carried = placesOf(other, options, never).map((place) => ({
      key: place.key.replace('atxp:oauth:', 'other:'),
      readings: place.readings,
    }))
    for (const [index, place] of places.entries()) {
      await redis.copy(place.key, (carried[index] as Place).key)
    }
    for (const place of carried) await expectRefusal(redis, place)
  })
})

it('a process without keys refuses every sealed record, in the same words', async () => {
  const { url, redis, places } = await prepare({ encryption: { keys } })
  const keyless = openDatabase({ url, singleUsePkce: false })
  const read = placesOf(keyless, {}, never).map(({ key, readings }) => ({ key, readings }))
  expect(read.map(({ key }) => key)).toEqual(places.map(({ key }) => key))
  for (const place of read) await expectRefusal(redis, place)
})

it('the number of the database is not bound: a record that was moved to another opens there', async () => {
  const { url, redis } = await prepare({ encryption: { keys } })
  await openDatabase({ url, encryption: { keys } }).storeToken('moved', 'token')
  expect(await redis.move('atxp:oauth:moved', 1)).toBe(1)
  const other = openDatabase({ url, db: 1, encryption: { keys } })
  expect(await other.getToken('moved')).toBe('token')
})

it('a near cache refuses a forged record once Redis has told of it', async () => {
  const { redis, places } = await prepare({ encryption: { keys }, cache: true })
  const [first, ...others] = places as [Place, ...Place[]]
  for (const { key } of others) await redis.copy(first.key, key, 'REPLACE')
  for (const place of others) await eventually(() => expectRefusal(redis, place))
})

async function never(): Promise<never> {
  throw new Error('a request was sent')
}
