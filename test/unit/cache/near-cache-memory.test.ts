import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { NearCache } from '../../../src/cache/near-cache.js'
import { bytesOfText } from '../../../src/cache/shelf.js'

const COMINGS_AND_GOINGS = 200_000
/** With a map's iterator that stands still it is ten times as much. */
const MAX_GROWTH_BYTES = 1_000_000

// What `--expose-gc` gives.
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

it('holds no memory for what came and went', async () => {
  const cache = new NearCache({ maxEntries: 100, maxBytes: 1e9, maxAgeMs: 60_000 })
  const shelf = cache.shelf<string>(() => undefined)
  cache.armed()
  // Once full, so that whatever makes room has begun.
  const readAndDrop = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      const source = { read: async () => 'value', expiresAt: () => null, bytesOf: () => 5 }
      await shelf.read('group', `name ${i % 150}`, `key ${i % 150}`, source)
      if (i % 150 > 90) cache.drop(`key ${i % 150}`)
    }
  }
  await readAndDrop(20_000)
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  await readAndDrop(COMINGS_AND_GOINGS)
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(MAX_GROWTH_BYTES)
})

it('takes no more memory than it may, however large the values are', async () => {
  const maxBytes = 8_000_000
  const cache = new NearCache({ maxEntries: 100_000, maxBytes, maxAgeMs: 60_000 })
  const shelf = cache.shelf<string>(() => undefined)
  cache.armed()
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 20_000; i += 1) {
    // Each in a group of its own, which costs most; as large as 20 bytes or 20 kB.
    const value = `${i}`.padEnd(i % 2 === 0 ? 20_000 : 20, 'x')
    await shelf.read(`group ${i}`, `name ${i}`, `key ${i}`, {
      read: async () => Buffer.from(value).toString(),
      expiresAt: () => null,
      bytesOf: bytesOfText,
    })
  }
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(maxBytes)
  expect(cache.bytes).toBeGreaterThan(maxBytes / 2)
})
