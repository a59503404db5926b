import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { NearCache } from '../../../src/cache/near-cache.js'

const COMINGS_AND_GOINGS = 200_000
/** With a map's iterator that stands still it is ten times as much. */
const MAX_GROWTH_BYTES = 1_000_000

// What `--expose-gc` gives.
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

it('holds no memory for what came and went', async () => {
  const cache = new NearCache({ maxEntries: 100, maxAgeMs: 60_000 })
  const shelf = cache.shelf<string>(() => undefined)
  cache.armed()
  // Once full, so that whatever makes room has begun.
  const readAndDrop = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      const source = { read: async () => 'value', expiresAt: () => null }
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
