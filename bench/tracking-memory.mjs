import { Redis } from 'ioredis'
import { cleanUpLater } from '../scripts/cleanup.mjs'
import { installRedis } from '../scripts/install.mjs'
import { startPrivateRedis } from '../scripts/private-redis.mjs'
import { numberAbove0, runScript } from '../scripts/run-script.mjs'
import { bytesUsedBy } from './load/server-meter.mjs'

const USAGE = `node bench/tracking-memory.mjs      what Redis would remember if it reported changes by read keys, and not by prefix

  --keys 1000000      that each instance reads (100000)
  --instances 64      that read them (32)`

const STEP = 1_000

function keyOf(index) {
  const user = `base:0x${index.toString(16).padStart(40, '0')}`
  return `atxp:oauth:~access:{${user}}:https://mcp.example.com/mcp`
}

async function main(values) {
  const keys = Math.ceil(numberAbove0('--keys', values.keys))
  const instances = Math.ceil(numberAbove0('--instances', values.instances))
  const { url } = await startPrivateRedis(await installRedis())
  const connect = () => {
    const redis = new Redis(url)
    cleanUpLater(() => redis.disconnect())
    return redis
  }
  const redis = connect()
  await inSteps(keys, (names) => redis.mset(names.flatMap((name) => [name, ''])))
  const readers = []
  while (readers.length < instances) readers.push(await trackedReader(connect))
  const before = await bytesUsedBy(redis)
  for (const [place, reader] of readers.entries()) {
    await inSteps(keys, (names) => reader.mget(names))
    const count = place + 1
    if (Math.log2(count) % 1 !== 0 && count !== instances) continue
    const bytes = ((await bytesUsedBy(redis)) - before) / keys
    console.log(`${count} instances: ${Math.round(bytes)} bytes a key`)
  }
}

async function trackedReader(connect) {
  const feed = connect()
  const id = await feed.client('ID')
  await feed.subscribe('__redis__:invalidate')
  const reader = connect()
  await reader.client('TRACKING', 'ON', 'REDIRECT', id)
  return reader
}

async function inSteps(keys, work) {
  for (let first = 0; first < keys; first += STEP) {
    const count = Math.min(STEP, keys - first)
    await work(Array.from({ length: count }, (_, at) => keyOf(first + at)))
  }
}

await runScript({
  usage: USAGE,
  options: {
    keys: { type: 'string', default: '100000' },
    instances: { type: 'string', default: '32' },
  },
  main,
})
