// What the index of a user's records costs, and whether it holds in races.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { cleanUpLater } from '../scripts/cleanup.mjs'
import { installRedis } from '../scripts/install.mjs'
import { startPrivateRedis } from '../scripts/private-redis.mjs'
import { numberAbove0, runScript } from '../scripts/run-script.mjs'
import { runFaultTests } from './fault-tests.mjs'
import { Worker } from './load/worker.mjs'
import { summarize, summarizeRatios } from './stats.mjs'

const USAGE = `node bench/user-index.mjs      what the index of a user's records costs

  --keys 10000000    keys of others while users are deleted (1000000)
  --before FILE      the index.js of another build, to compare saves with
  --rounds 9         how often saves are measured (7)
  --deletions        only deletions
  --races 10000      instead: so many races of 8 processes, with crashes and cuts, on one server and in a Cluster whose slots move
  --seconds 300      begins no races after so long, on each
  --seed 1           of the races

It uses the dist that is there: npm run build. Run it on a quiet machine.`

const URL_OF_RECORD = 'https://mcp.example.com/mcp'
const RECORD = {
  accessToken: 'a'.repeat(800),
  refreshToken: 'r'.repeat(64),
  resourceUrl: URL_OF_RECORD,
}
const USERS = 5_000
const MEASURED_MS = 1_000
const CALLERS = [8, 64, 512]
/** So many times twenty calls at once, a moment apart: enough for a p99 of the reads beside them. */
const BURSTS = 100
const BURST_ROUNDS = 5
const AT_ONCE = 20
const ALONE = 201
const BETWEEN_BURSTS_MS = 20

const text = ({ median, min, max }, digits = 2) =>
  `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`

async function fill(redis, count) {
  const script = `for i = ARGV[1], ARGV[2] do redis.call('SET', 'other:' .. i, 'value') end`
  const step = 10_000
  for (let from = 0; from < count; from += step) {
    await redis.eval(script, 0, from, Math.min(from + step, count) - 1)
  }
}

async function commandsOf(redis, work) {
  await redis.config('RESETSTAT')
  await work()
  const stats = await redis.info('commandstats')
  const calls = [...stats.matchAll(/cmdstat_([a-z|]+):calls=(\d+)/g)]
  return calls.filter(([, name]) => !['config|resetstat', 'info'].includes(name))
}

async function saveUsers(db, users) {
  for (const user of users) {
    await Promise.all(
      [1, 2, 3].map((at) => db.saveAccessToken(user, `${URL_OF_RECORD}/${at}`, RECORD)),
    )
  }
}

/** Deletions among many keys of others: alone, and twenty at once beside another process that reads. */
async function measureDeletions(open, redis, url, count) {
  const started = performance.now()
  await fill(redis, count)
  console.log(`${count} keys of others, made in ${Math.round(performance.now() - started)} ms`)
  const db = open()
  const users = Array.from({ length: Math.max(ALONE, BURSTS * AT_ONCE) }, (_, at) => `user_${at}`)
  await saveUsers(db, users)
  const times = []
  for (const user of users.slice(0, ALONE - 1)) {
    const begin = performance.now()
    const removed = await db.deleteUser(user)
    times.push(performance.now() - begin)
    if (removed !== 3) throw new Error(`deleteUser removed ${removed} of 3 records`)
  }
  console.log(`deleteUser, 3 records: ${text(summarize(times))} ms`)
  const commands = await commandsOf(redis, () => db.deleteUser(users[ALONE - 1]))
  console.log(`its commands: ${commands.map(([, name, calls]) => `${name} ${calls}`).join(', ')}`)
  await measureOthers(db, users, url)
  await db.close()
}

/** What a process that reads once a millisecond notices of twenty calls at once in another. */
async function measureOthers(db, users, url) {
  const probe = new Worker('probe')
  await probe.call('open', { place: { url } })
  const ways = {
    alone: () => {},
    'beside twenty reads at once': (user) => db.getToken(user),
    'beside twenty deletions of users at once': (user) => db.deleteUser(user),
  }
  const p99s = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
  for (let round = 0; round < BURST_ROUNDS; round += 1) {
    for (const [name, call] of Object.entries(ways)) {
      await saveUsers(db, users)
      await probe.call('begin')
      for (let burst = 0; burst < BURSTS; burst += 1) {
        const some = users.slice(burst * AT_ONCE, (burst + 1) * AT_ONCE)
        await Promise.all(some.map(call))
        await wait(BETWEEN_BURSTS_MS)
      }
      const { othersP99Ms } = await probe.call('end')
      p99s[name].push(othersP99Ms)
    }
  }
  for (const [name, values] of Object.entries(p99s)) {
    console.log(`p99 of another process' reads, ${name}: ${text(summarize(values))} ms`)
  }
  await probe.call('close')
  await probe.end()
}

async function measureMemory(open, redis) {
  const db = open()
  await db.saveAccessToken('base:0x52908400098527886E0F7030069857D2E4169EE7', URL_OF_RECORD, RECORD)
  const [index] = await redis.keys('*~index:*')
  const [record] = await redis.keys('*~access:*')
  const [bytes, recordBytes] = await Promise.all(
    [index, record].map((key) => redis.memory('USAGE', key)),
  )
  console.log(
    `memory of a user with one session: ${bytes} bytes of index beside ${recordBytes} of the record`,
  )
  await db.deleteUser('base:0x52908400098527886E0F7030069857D2E4169EE7')
  await db.close()
}

async function rateOf(db, callers, prefix) {
  const until = performance.now() + MEASURED_MS
  let saves = 0
  const caller = async (first) => {
    for (let at = first; performance.now() < until; at += callers) {
      await db.saveAccessToken(`${prefix}${at % USERS}`, URL_OF_RECORD, RECORD)
      saves += 1
    }
  }
  const begin = performance.now()
  await Promise.all(Array.from({ length: callers }, (_, first) => caller(first)))
  return (saves / (performance.now() - begin)) * 1_000
}

/** First saves: each of another user. */
async function firstRateOf(db, callers, round) {
  const until = performance.now() + MEASURED_MS
  let saves = 0
  const caller = async () => {
    while (performance.now() < until) {
      saves += 1
      await db.saveAccessToken(`first_${callers}_${round}_${saves}`, URL_OF_RECORD, RECORD)
    }
  }
  const begin = performance.now()
  await Promise.all(Array.from({ length: callers }, caller))
  return (saves / (performance.now() - begin)) * 1_000
}

async function measureSaves(open, before, rounds) {
  const builds = { now: open(), ...(before && { before: open(before) }) }
  for (const db of Object.values(builds)) {
    for (let user = 0; user < USERS; user += 1) {
      await db.saveAccessToken(`again_${user}`, URL_OF_RECORD, RECORD)
    }
  }
  const forms = {
    'saves of existing records': (db, callers) => rateOf(db, callers, 'again_'),
    'first saves': (db, callers, name) => firstRateOf(db, callers, name),
  }
  for (const callers of CALLERS) {
    for (const [title, form] of Object.entries(forms)) {
      show(`${callers} callers, ${title}`, await alternate(builds, callers, rounds, form))
    }
  }
  for (const db of Object.values(builds)) await db.close()
}

/** Each build once a round, in turning order. The first round does not count. */
async function alternate(builds, callers, rounds, form) {
  const names = Object.keys(builds)
  const measured = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = -1; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const rate = await form(builds[name], callers, `${name}_${round}`)
      if (round >= 0) measured[name].push(rate)
    }
  }
  return measured
}

function show(title, { now, before }) {
  const ratio = before ? `, ${text(summarizeRatios(now, before))} of the rate before` : ''
  console.log(`${title}: ${text(summarize(now), 0)}/s${ratio}`)
}

async function race(rounds, { seed, seconds }) {
  const { lines, isGood, output } = await runFaultTests(['user-index.test.ts'], (report) => ({
    USER_INDEX_REPORT: report,
    USER_INDEX_ROUNDS: String(rounds),
    ...(seed && { USER_INDEX_SEED: seed }),
    ...(seconds && { USER_INDEX_SECONDS: seconds }),
  }))
  console.log(isGood ? 'No record was outside of its index, and no user came back.' : output)
  // Each line counts from the beginning.
  for (const last of new Map(lines.map((line) => [line.form, line])).values()) {
    console.log(
      `${last.form}: ${last.rounds} races (seed ${last.seed}), ${last.looks} looks at ${last.seen} records, ${last.moved} moves of slots; calls that failed: ${JSON.stringify(last.failed)}`,
    )
  }
  process.exitCode = isGood ? 0 : 1
}

async function main(values) {
  if (values.seconds) numberAbove0('--seconds', values.seconds)
  if (values.races) return race(numberAbove0('--races', values.races), values)
  const require = createRequire(import.meta.url)
  const { RedisOAuthDatabase } = require('../dist/index.js')
  const before = values.before && require(resolve(values.before)).RedisOAuthDatabase
  const server = await startPrivateRedis(await installRedis())
  const redis = new Redis(server.url)
  cleanUpLater(() => redis.disconnect())
  const open = (Build = RedisOAuthDatabase) => new Build({ url: server.url })
  if (!values.deletions) {
    await measureMemory(open, redis)
    await measureSaves(open, before, numberAbove0('--rounds', values.rounds))
  }
  await redis.flushall()
  await measureDeletions(open, redis, server.url, numberAbove0('--keys', values.keys))
}

await runScript({
  usage: USAGE,
  options: {
    keys: { type: 'string', default: '1000000' },
    before: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    races: { type: 'string' },
    seed: { type: 'string' },
    seconds: { type: 'string' },
    deletions: { type: 'boolean', default: false },
  },
  main,
})
