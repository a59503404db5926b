import { randomBytes } from 'node:crypto'
import { cleanUpLater, expectedError } from './cleanup.mjs'
import { run } from './command.mjs'
import { Actor } from './demo/actor.mjs'
import { say, scene } from './demo/narration.mjs'
import { shareTokens } from './demo/tokens.mjs'
import { installNodeModules, installRedis } from './install.mjs'
import { startPrivateRedis } from './private-redis.mjs'
import { runScript } from './run-script.mjs'
import {
  bold,
  box,
  cyan,
  dim,
  duration,
  green,
  magenta,
  print,
  showCursor,
  yellow,
} from './terminal.mjs'

const USAGE = `npm run demo      shows the library at work in three processes

It uses the Redis of REDIS_URL if that is set, under a prefix of its own. Else it starts one that ends with it.`

async function main() {
  showCursor(false)
  cleanUpLater(() => showCursor(true))
  print(box([bold('@atxp/redis'), 'The OAuth state of every process, in one Redis']))
  await installNodeModules()
  const store = await openStore()
  const { code, output } = await run(process.execPath, ['scripts/build.mjs'])
  if (code !== 0) throw expectedError(output)
  const started = performance.now()
  const actors = await startActors(store)
  // It needs what has been installed just now.
  const { shareSession } = await import('./demo/session.mjs')
  await shareSession(actors, store)
  await shareTokens(actors, store)
  print(`\n${green('✓')} ${bold('Done')} in ${duration(performance.now() - started)}.`)
  print(dim('  Next: README.md to use it, docs/guarantees.md for what a fleet may rely on.\n'))
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
  const cleaner = new Actor('cleaner', dim, store)
  await cleaner.call('deleteAll')
  if (store.sessions) await cleaner.call('forgetSessions', store.sessions)
  await cleaner.end()
}

async function startActors(store) {
  scene('Three processes, one store')
  const tints = { Ada: cyan, Bob: magenta, Cem: yellow }
  const actors = Object.entries(tints).map(([name, tint]) => new Actor(name, tint, store))
  for (const actor of actors) {
    const { ms } = await actor.call('ping')
    say(actor, `is process ${actor.pid}, connected`, ms)
  }
  store.isUsed = true
  return actors
}

await runScript({ usage: USAGE, main })
