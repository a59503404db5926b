import { expectedError } from '../cleanup.mjs'
import { findProgram, run } from '../command.mjs'
import { bar, bold, count, dim, duration, overwrite, print, settle } from '../terminal.mjs'
import { answer, FRAME_MS, perSecond, say, scene, settleAt, showProgress } from './narration.mjs'

const LIFETIME_MS = 2_000
const IMPORT_SIZE = 100_000

/** The token API in three processes. */
export async function shareTokens(actors, store) {
  await shareToken(actors, store)
  await watchExpiry(actors)
  await listAndDelete(actors)
  await importTokens(actors)
  await readTokens(actors)
  await deleteEverything(actors)
}

async function shareToken([ada, bob, cem], { keyPrefix, port }) {
  scene('Tokens of your own: what one stores, the others read')
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
  const progress = showProgress(IMPORT_SIZE, performance.now())
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
