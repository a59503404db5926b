// Stores many tokens in one of several ways, once: a process of its own shows what memory it takes.
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { performance } from 'node:perf_hooks'
import { Redis } from 'ioredis'
import { serve } from '../../test/support/processes/process-child.mjs'
import { openDatabase } from '../contenders/ours.mjs'
import { keyOf, makeEntries, PREFIX, tokenOf } from '../load/bulk-tokens.mjs'

const CORKED = 100
const LANES = 4
const PIPELINED = 5_000
const SOCKET_CHUNK_BYTES = 64 * 1024

process.on('disconnect', () => process.exit())

serve({
  async run({ way, place, count }) {
    const open = await WAYS[way](place)
    const begin = performance.now()
    await open.store(count)
    const seconds = (performance.now() - begin) / 1000
    const peakBytes = process.resourceUsage().maxRSS * 1024
    await open.close()
    return { perSecond: count / seconds, peakBytes }
  },
})

const WAYS = {
  storeTokens: (place) => ours(place, {}),
  'storeTokens, encrypted': (place) => ours(place, { isEncrypted: true }),
  'ioredis, one by one': (place) =>
    bare(place, async (redis, count) => {
      for (let index = 0; index < count; index += 1) await store(redis, index)
    }),
  [`ioredis, pipelines of ${PIPELINED}`]: (place) => bare(place, inPipelines),
  'ioredis, corked': (place) => bare(place, corked),
  'raw socket': (place) => rawSocket(place),
}

async function ours(place, options) {
  const db = openDatabase(place, options)
  await db.ping()
  return {
    async store(count) {
      const { stored } = await db.storeTokens(makeEntries(count))
      if (stored !== count) throw new Error(`a wrong answer: ${stored} of ${count} stored`)
    },
    close: () => db.close(),
  }
}

async function bare({ url }, storeAll) {
  const redis = new Redis(url)
  await redis.ping()
  return { store: (count) => storeAll(redis, count), close: () => redis.quit() }
}

function store(redis, index) {
  return redis.set(PREFIX + keyOf(index), tokenOf(index))
}

async function inPipelines(redis, count) {
  for (let first = 0; first < count; first += PIPELINED) {
    const pipeline = redis.pipeline()
    const end = Math.min(first + PIPELINED, count)
    for (let index = first; index < end; index += 1) store(pipeline, index)
    await pipeline.exec()
  }
}

/** The bare wire: lanes of commands that leave in one packet each. */
async function corked(redis, count) {
  let next = 0
  const lane = async () => {
    while (next < count) {
      const end = Math.min(next + CORKED, count)
      const replies = []
      redis.stream.cork()
      for (; next < end; next += 1) replies.push(store(redis, next))
      redis.stream.uncork()
      await Promise.all(replies)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

/** As fast as Node can write: nobody is told of anything but the end. */
async function rawSocket({ url }) {
  const socket = createConnection(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  return { store: (count) => writeFrames(socket, count), close: () => socket.destroy() }
}

async function writeFrames(socket, count) {
  let replyBytes = 0
  const isAnswered = new Promise((resolve) => {
    socket.on('data', (chunk) => {
      replyBytes += chunk.length
      if (replyBytes === count * '+OK\r\n'.length) resolve()
    })
  })
  let frames = ''
  for (let index = 0; index < count; index += 1) {
    frames += frame(['SET', PREFIX + keyOf(index), tokenOf(index)])
    if (frames.length < SOCKET_CHUNK_BYTES && index < count - 1) continue
    if (!socket.write(frames)) await once(socket, 'drain')
    frames = ''
  }
  await isAnswered
}

function frame(args) {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`
}
