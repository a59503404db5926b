import { Readable } from 'node:stream'
import { expect, it, onTestFinished, vi } from 'vitest'
import { openDatabase } from '../../support/scene.js'
import { TEST_PREFIX, TOPOLOGIES } from '../../support/servers/topologies.js'

/** Longer than what a socket reads at once. */
const LONG = 'long '.repeat(100_000)

it.each(TOPOLOGIES)('nothing that Redis answers goes through a stream: $name', async (topology) => {
  const redis = await topology.start()
  onTestFinished(() => redis.stop())
  const db = openDatabase({ ...redis.options, keyPrefix: TEST_PREFIX })
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  await Promise.all(keys.map((key) => db.storeToken(key, `${key} ${LONG}`)))
  const push = vi.spyOn(Readable.prototype, 'push')
  onTestFinished(() => push.mockRestore())
  await redis.cli('PING')
  expect(push).toHaveBeenCalled()
  push.mockClear()
  const found = await Promise.all(keys.map((key) => db.getToken(key)))
  expect(push).not.toHaveBeenCalled()
  expect(found.map((token) => token?.length)).toEqual(keys.map(() => LONG.length + 2))
})
