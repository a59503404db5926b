// A process in which contenders live, and the callers that use them: nobody calls a library over a wire.
import { isDeepStrictEqual } from 'node:util'
import { serve } from '../../test/support/processes/process-child.mjs'
import { maxRecordsOf, openContender } from '../contenders/contenders.mjs'
import { makeRandom, runClosedLoop } from '../load/closed-loop.mjs'
import { indexOf, makeRecords, stampOf, tokenOf } from '../load/records.mjs'

const CALLERS_OF_FILL = 64
const VERIFIED = 500
const WRITE_ONE_IN = 10

const opened = new Map()
// What this process has done often enough: among many instances, only those that joined have to.
const warm = new Set()
let records = []
// Of each contender's records: how often this process has written them.
const versions = new Map()

process.on('disconnect', () => process.exit())

serve({
  async open({ name, place, count }) {
    records = makeRecords(count)
    versions.set(name, new Int32Array(count))
    opened.set(name, await openContender(name, place, records))
  },

  /** Stores every record. */
  async fill({ name }) {
    const store = opened.get(name)
    let next = 0
    const filler = async () => {
      while (next < records.length) await store.write(next++, 0)
    }
    await Promise.all(Array.from({ length: CALLERS_OF_FILL }, filler))
  },

  async run({ name, operation, atLeast, ...options }) {
    const operate = OPERATIONS[operation](name, opened.get(name), options)
    const shape = [name, operation, options.callers].join(' ')
    const measured = await runClosedLoop(operate, {
      ...options,
      atLeast: warm.has(shape) ? 0 : atLeast,
    })
    warm.add(shape)
    return measured
  },

  /** Reads records anew, whole, and compares them with what was last written. */
  async verify({ name }) {
    const store = opened.get(name)
    const step = Math.max(1, Math.floor(records.length / VERIFIED))
    for (let index = 0; index < records.length; index += step) {
      const expected = tokenOf(records[index], versions.get(name)[index])
      const read = await store.read(index)
      if (read == null || !isDeepStrictEqual({ ...store.tokenOf(read) }, expected)) {
        throw new Error(`${name} gave a wrong answer: record ${index} is not what was written`)
      }
    }
  },

  async close() {
    for (const store of opened.values()) await store.close()
  },
})

// Each reads any record, and checks that it got that one. Nobody else writes the records of a contender.
function reading(name, store) {
  const random = makeRandom(process.pid)
  const limit = Math.min(records.length, maxRecordsOf(name))
  const written = versions.get(name)
  return async () => {
    const index = random(limit)
    const stamp = store.stampOf(await store.read(index))
    if (stamp !== stampOf(index, written[index])) throw wrongAnswer(name, index)
  }
}

// Each writes records of its own, so that it is known which of two writes came last.
function writing(name, store, { callers }) {
  const random = makeRandom(process.pid)
  const written = versions.get(name)
  const own = Math.floor(records.length / callers)
  return async (caller) => {
    const index = caller + callers * random(own)
    written[index] += 1
    await store.write(index, written[index])
  }
}

// Other processes write as well, so any version of the record will do.
function sharing(name, store, { isSticky = false, instance, instances }) {
  const random = makeRandom(process.pid)
  const written = versions.get(name)
  const own = Math.floor(records.length / instances)
  return async () => {
    const index = isSticky ? instance + instances * random(own) : random(records.length)
    if (random(WRITE_ONE_IN) === 0) {
      written[index] += 1
      await store.write(index, written[index])
    } else if (indexOf(store.stampOf(await store.read(index))) !== index) {
      throw wrongAnswer(name, index)
    }
  }
}

const OPERATIONS = { read: reading, write: writing, share: sharing }

function wrongAnswer(name, index) {
  return new Error(`${name} gave a wrong answer: asked for record ${index} it returned another`)
}
