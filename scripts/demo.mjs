import { randomBytes } from 'node:crypto'
import { cleanUpLater, expectedError, runMain } from './cleanup.mjs'
import { findProgram, run } from './command.mjs'
import { Actor } from './demo/actor.mjs'
import { checkNodeVersion, installNodeModules, installRedis } from './install.mjs'
import { startPrivateRedis } from './private-redis.mjs'
import {
  bar,
  bold,
  box,
  count,
  cyan,
  dim,
  duration,
  green,
  isLive,
  magenta,
  overwrite,
  print,
  settle,
  showCursor,
  yellow,
} from './terminal.mjs'

const LIFETIME_MS = 3_000
const IMPORT_SIZE = 100_000
const FRAME_MS = 50

async function main() {
  showCursor(false)
  cleanUpLater(() => showCursor(true))
  checkNodeVersion()
  print(box([bold('@atxp/redis'), 'The OAuth state of every process, in one Redis']))
  await installNodeModules()
  const store = await openStore()
  const { code, output } = await run(process.execPath, ['scripts/build.mjs'])
  if (code !== 0) throw expectedError(output)
  const started = performance.now()
  const actors = await startActors(store)
  await shareToken(actors, store)
  await watchExpiry(actors)
  await listAndDelete(actors)
  await importTokens(actors)
  await readTokens(actors)
  await deleteEverything(actors)
  print(`\n${green('✓')} ${bold('Done')} in ${duration(performance.now() - started)}.`)
  print(dim('  Next: README.md to use it, npm test to check it.\n'))
}

/** The caller's Redis under a prefix that no one else uses, or one of our own. */
async function openStore() {
  const { REDIS_URL } = process.env
  if (REDIS_URL) {
    const keyPrefix = `atxp-demo-${randomBytes(6).toString('hex')}:`
    print(`Redis of REDIS_URL, and nothing in it but keys that begin with ${bold(keyPrefix)}`)
    const store = { url: REDIS_URL, keyPrefix, isUsed: false }
    // Whatever stops us half-way, nothing of ours stays in someone else's Redis.
    cleanUpLater(() => store.isUsed && emptyStore(store))
    return store
  }
  const server = await installRedis()
  const redis = await startPrivateRedis(server)
  const { output } = await run(server, ['--version'])
  const version = /v=(\S+)/.exec(output)?.[1] ?? ''
  print(`A private Redis ${version} on 127.0.0.1:${redis.port} ${dim(`(pid ${redis.pid})`)}`)
  return { url: redis.url, keyPrefix: 'atxp:oauth:', port: redis.port }
}

async function emptyStore(store) {
  const cleaner = new Actor('cleaner', store)
  await cleaner.call('deleteAll')
  await cleaner.end()
}

async function startActors(store) {
  scene('Three processes, one store')
  const labels = [cyan('Ada'), magenta('Bob'), yellow('Cem')]
  const actors = labels.map((label) => new Actor(label, store))
  for (const actor of actors) {
    const { ms } = await actor.call('ping')
    say(actor, `is process ${actor.pid}, connected`, ms)
  }
  store.isUsed = true
  return actors
}

async function shareToken([ada, bob, cem], { keyPrefix, port }) {
  scene('What one stores, the others read')
  const expiresAt = new Date(Date.now() + LIFETIME_MS)
  const stored = await ada.call('storeToken', ['user_123', 'oauth_token_value', expiresAt])
  say(ada, `storeToken('user_123', 'oauth_token_value', in ${LIFETIME_MS / 1000} s)`, stored.ms)
  const read = await bob.call('getToken', ['user_123'])
  say(bob, `getToken('user_123') ${answer(read.result)}`, read.ms)
  const has = await cem.call('hasToken', ['user_123'])
  say(cem, `hasToken('user_123') ${answer(has.result)}`, has.ms)
  const cli = port && (findProgram('redis-cli') ?? findProgram('valkey-cli'))
  if (!cli) return
  const { output } = await run(cli, ['-p', String(port), 'GET', `${keyPrefix}user_123`])
  print(dim(`  redis-cli GET ${keyPrefix}user_123  →  ${output.trim()}`))
}

async function watchExpiry([, bob, cem]) {
  scene('Redis itself ends a token, to the millisecond')
  const { result: expiresAt, ms } = await cem.call('getTokenExpiry', ['user_123'])
  if (!(expiresAt instanceof Date)) throw expectedError('The token was gone before its time.')
  say(cem, `getTokenExpiry('user_123') ${answer(expiresAt.toISOString())}`, ms)
  const timer = setInterval(() => {
    const leftMs = Math.max(expiresAt - Date.now(), 0)
    overwrite(`  ${bar(leftMs / LIFETIME_MS)}  ${(leftMs / 1000).toFixed(1)} s left`)
  }, FRAME_MS)
  const gone = await bob.call('watchExpiry', ['user_123']).finally(() => clearInterval(timer))
  const lateMs = gone.result - expiresAt
  settle(
    `  ${bob.label}  getToken('user_123') ${answer(null)} ${dim(`${lateMs} ms after its time`)}`,
  )
}

async function listAndDelete([ada, bob, cem]) {
  scene('List and delete')
  const users = ['user_ann', 'user_ben', 'user_eve']
  for (const user of users) await ada.call('storeToken', [user, `token of ${user}`])
  say(ada, `storeToken() for ${users.join(', ')}`)
  const list = await bob.call('listTokens')
  say(bob, `listTokens() ${answer(list.result.sort())}`, list.ms)
  const deleted = await cem.call('deleteToken', ['user_ben'])
  say(cem, `deleteToken('user_ben') ${answer(deleted.result)}`, deleted.ms)
  const again = await ada.call('deleteToken', ['user_ben'])
  say(
    ada,
    `deleteToken('user_ben') ${answer(again.result)} ${dim('it was no longer there')}`,
    again.ms,
  )
}

async function importTokens([ada, bob]) {
  scene(`Import of ${count(IMPORT_SIZE)} tokens`)
  const started = performance.now()
  const progress = showProgress(IMPORT_SIZE, started)
  const imported = await ada.call('importTokens', [IMPORT_SIZE], ({ stored }) => progress(stored))
  const speed = perSecond(imported.result, imported.ms)
  settleAt(ada, `storeTokens() stored ${count(imported.result)}, ${speed}`, imported.ms)
  const counted = await bob.call('countTokens')
  const more = counted.result - imported.result
  say(
    bob,
    `scanTokens() found ${count(counted.result)} ${dim(`(with the ${more} from before)`)}`,
    counted.ms,
  )
}

async function readTokens([, , cem]) {
  scene('Reads')
  const one = await cem.call('readOneByOne', [IMPORT_SIZE, 2_000])
  say(cem, `getToken(), one after the other: ${bold(duration(one.result))} (median)`)
  for (const readers of [64, 512]) {
    const many = await cem.call('readAtOnce', [IMPORT_SIZE, 50_000, readers])
    say(cem, `getToken(), ${readers} at once: ${bold(count(Math.round(many.result)))} a second`)
  }
}

async function deleteEverything(actors) {
  const [, bob] = actors
  scene('Clean up')
  const progress = showProgress(IMPORT_SIZE, performance.now())
  const deleted = await bob.call('deleteAll', [], (one) => progress(one.deleted))
  const speed = perSecond(deleted.result, deleted.ms)
  settleAt(bob, `deleteTokens() deleted ${count(deleted.result)}, ${speed}`, deleted.ms)
  const closing = performance.now()
  await Promise.all(actors.map((actor) => actor.end()))
  print(
    `  All three called close() and ended by themselves ${dim(duration(performance.now() - closing))}`,
  )
}

function scene(title) {
  print(`\n${cyan('▸')} ${bold(title)}`)
}

function describe(actor, text, ms) {
  return `  ${actor.label}  ${text}${ms === undefined ? '' : ` ${dim(duration(ms))}`}`
}

const say = (actor, text, ms) => print(describe(actor, text, ms))
const settleAt = (actor, text, ms) => settle(describe(actor, text, ms))

function answer(value) {
  return `${dim('→')} ${green(JSON.stringify(value).replaceAll(',', ', '))}`
}

function perSecond(number, ms) {
  return bold(`${count(Math.round((number / ms) * 1000))} a second`)
}

/** Draws a bar as often as an eye can follow; where no one watches, a line each quarter. */
function showProgress(total, started) {
  let nextAt = 0
  let nextQuarter = 0.25
  return (done) => {
    const now = performance.now()
    const fraction = Math.min(done / total, 1)
    if (isLive && now >= nextAt) {
      nextAt = now + FRAME_MS
      const speed = perSecond(done, now - started)
      overwrite(`  ${bar(fraction)}  ${count(done).padStart(7)} of ${count(total)}  ${speed}`)
    }
    if (!isLive && fraction >= nextQuarter) {
      nextQuarter += 0.25
      print(`  ${count(done)} of ${count(total)}`)
    }
  }
}

await runMain(main)
