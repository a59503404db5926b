// What one save costs Redis and this process in each form that could keep an index of a user's records true.
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { cleanUpLater } from '../scripts/cleanup.mjs'
import { installRedis } from '../scripts/install.mjs'
import { startPrivateRedis } from '../scripts/private-redis.mjs'
import { numberAbove0, runScript } from '../scripts/run-script.mjs'
import { summarize, summarizeRatios } from './stats.mjs'

const USAGE = `node bench/save-forms.mjs      what a save costs in each form that could keep an index true

  --rounds 9       how often each form is measured (7)
  --seconds 2      how long each measurement takes (1)

Run it on a quiet machine.`

const CALLERS = [1, 8, 64, 512]
const USERS = 5_000
const RECORD = JSON.stringify({
  accessToken: randomBytes(600).toString('base64url'),
  refreshToken: randomBytes(48).toString('base64url'),
  expiresAt: 1_764_000_000_000,
  resourceUrl: 'https://mcp.example.com/mcp',
})
const TTL_MS = 2_592_000_000
const SCRIPT = `
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
local left = redis.call('PTTL', KEYS[2])
if left < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
return 1`

const recordKey = (user) => `bench:~access:{user_${user}}:https://mcp.example.com/mcp`
const indexKey = (user) => `bench:~index:{user_${user}}`
const URL_OF_RECORD = 'https://mcp.example.com/mcp'

/** Each sends its commands before it returns. The last of them is awaited: replies come in order. */
const forms = {
  SET: (redis, user) => redis.set(recordKey(user), RECORD, 'PX', TTL_MS),
  'SET XX': (redis, user) => redis.set(recordKey(user), RECORD, 'PX', TTL_MS, 'XX'),
  'SET, ZADD': (redis, user) => {
    redis.set(recordKey(user), RECORD, 'PX', TTL_MS)
    return redis.zadd(indexKey(user), Date.now(), URL_OF_RECORD)
  },
  script: (redis, user) =>
    redis.eval(
      SCRIPT,
      2,
      recordKey(user),
      indexKey(user),
      RECORD,
      TTL_MS,
      Date.now(),
      URL_OF_RECORD,
    ),
}

/** As the library's own connection does: what is called in one turn of the event loop leaves together. */
function corked(redis) {
  let isCorked = false
  return () => {
    if (isCorked) return
    isCorked = true
    const { stream } = redis
    stream.cork()
    setImmediate(() => {
      isCorked = false
      stream.uncork()
    })
  }
}

async function measure(redis, form, callers, ms) {
  const cork = callers > 1 ? corked(redis) : () => {}
  const until = performance.now() + ms
  let saves = 0
  const cpuBefore = process.cpuUsage()
  const caller = async (first) => {
    for (let user = first; performance.now() < until; user = (user + callers) % USERS) {
      cork()
      await form(redis, user)
      saves += 1
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: callers }, (_, first) => caller(first)))
  const { user, system } = process.cpuUsage(cpuBefore)
  return { rate: (saves / (performance.now() - startedAt)) * 1_000, cpuUs: (user + system) / saves }
}

/** Each form once a round, in turning order, so that no disturbance falls on one alone. The first round does not count. */
async function alternate(redis, callers, rounds, ms) {
  const names = Object.keys(forms)
  const measured = new Map(names.map((name) => [name, { rates: [], cpus: [] }]))
  for (let round = -1; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const { rate, cpuUs } = await measure(redis, forms[name], callers, ms)
      if (round < 0) continue
      measured.get(name).rates.push(rate)
      measured.get(name).cpus.push(cpuUs)
    }
  }
  return measured
}

function rowOf(callers, name, measured) {
  const { rates, cpus } = measured.get(name)
  const { median, min, max } = summarizeRatios(rates, measured.get('SET').rates)
  return [
    `${String(callers).padStart(4)} callers  ${name.padEnd(10)}`,
    `${summarize(rates).median.toFixed(0).padStart(8)}/s  ${summarize(cpus).median.toFixed(1).padStart(6)} us`,
    `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`,
  ].join('  ')
}

async function main(values) {
  const rounds = numberAbove0('--rounds', values.rounds)
  const ms = numberAbove0('--seconds', values.seconds) * 1_000
  const server = await startPrivateRedis(await installRedis())
  const redis = new Redis(server.url)
  cleanUpLater(() => redis.disconnect())
  for (let user = 0; user < USERS; user += 1) await forms.script(redis, user)
  console.log('saves a second; CPU of this process; ratio to SET: median (smallest to largest)')
  for (const callers of CALLERS) {
    const measured = await alternate(redis, callers, rounds, ms)
    for (const name of Object.keys(forms)) console.log(rowOf(callers, name, measured))
  }
  process.kill(server.pid)
}

await runScript({
  usage: USAGE,
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1' },
  },
  main,
})
