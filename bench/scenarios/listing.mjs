import { setTimeout as wait } from 'node:timers/promises'
import { placeOf } from '../load/contender-processes.mjs'
import { storeNumberedTokens } from '../load/million-keys.mjs'
import { Worker } from '../load/worker.mjs'

const BARE = 'SCAN COUNT 1000'
const OF_STRINGS = 'SCAN COUNT 1000 TYPE string'
const WAYS = [
  'listTokens',
  'scanTokens',
  BARE,
  OF_STRINGS,
  'SCAN COUNT 10000',
  'KEYS',
  'connect-redis ids',
]
const NOTHING = 'no listing'
const TITLE = 'listing a million of two million keys'

/** All keys, and what others notice of it. */
export const scenario = {
  title: 'Listing',
  says: `One process lists a million tokens among two million keys; another reads about once a millisecond.`,
  targets: [
    {
      group: TITLE,
      of: 'listTokens',
      over: BARE,
      atMost: 1.15,
      obstacle: 'Redis looks each key up',
    },
  ],
  charts: [
    {
      kind: 'bars',
      file: 'benchmark-listing',
      title: 'Seconds to list a million keys',
      groups: [TITLE],
      metric: 'seconds',
    },
    {
      kind: 'bars',
      file: 'benchmark-listing-others',
      title: "The slowest of the others' reads meanwhile: milliseconds",
      groups: [TITLE],
      metric: 'othersMaxMs',
    },
  ],
  run,
}

async function run(session) {
  const redis = await session.startRedis()
  const place = placeOf(redis, 0)
  const count = session.size(1_000_000, 5_000)
  session.prepare(`stores ${2 * count} keys`)
  await storeNumberedTokens(place.url, 'atxp:oauth:', count)
  await storeNumberedTokens(place.url, 'another:application:', count)
  const lister = new Worker('lister')
  const probe = new Worker('probe')
  for (const worker of [lister, probe]) await worker.call('open', { place, count })
  const results = await session.alternate(TITLE, [...WAYS, NOTHING], async (way) => {
    await probe.call('begin')
    const listed = way === NOTHING ? await wait(session.ms, {}) : await lister.call('list', way)
    return { ...listed, ...(await probe.call('end')) }
  })
  for (const worker of [lister, probe]) {
    await worker.call('close')
    await worker.end()
  }
  const metrics = ['seconds', 'othersP50Ms', 'othersP99Ms', 'othersMaxMs']
  return { groups: [{ title: TITLE, metrics, baseline: BARE, results }], notes: [] }
}
