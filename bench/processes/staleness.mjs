// A writer or a reader of records that others change.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { serve } from '../../test/support/processes/process-child.mjs'
import { openContender } from '../contenders/contenders.mjs'
import { makeRandom } from '../load/closed-loop.mjs'
import { indexOf, makeRecords, stampOf } from '../load/records.mjs'

let store
let records
let isBusy = false

process.on('disconnect', () => process.exit())

serve({
  async open({ name, place, count }) {
    records = makeRecords(count)
    store = await openContender(name, place, records)
  },

  /** Gives when it was acknowledged. */
  async write(index, version) {
    await store.write(index, version)
    return process.hrtime.bigint()
  },

  async read(index) {
    return store.stampOf(await store.read(index))
  },

  /** Reads again and again; gives when it first got this version, and how often it got an older one afterwards. */
  async watch(index, version) {
    const expected = stampOf(index, version)
    while (store.stampOf(await store.read(index)) !== expected) await nextTurn()
    const seenAt = process.hrtime.bigint()
    for (let again = 0; again < 10; again += 1) {
      if (store.stampOf(await store.read(index)) !== expected) {
        throw new Error('a wrong answer: the record went back to what it was')
      }
      await nextTurn()
    }
    return seenAt
  },

  /** Keeps the process busy with so many callers that read all records, or lets it rest. */
  load(callers) {
    isBusy = callers > 0
    const random = makeRandom(process.pid)
    const caller = async () => {
      while (isBusy) {
        const index = random(records.length)
        if (indexOf(store.stampOf(await store.read(index))) !== index)
          throw new Error('a wrong answer')
        await nextTurn()
      }
    }
    for (let number = 0; number < callers; number += 1) void caller()
  },

  async close() {
    isBusy = false
    await store.close()
  },
})
