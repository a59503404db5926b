import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { startProcesses, type TestProcess } from '../../support/processes/processes.js'
import { type ClusterServers, startCluster } from '../../support/servers/cluster.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

// What is of no more use when an operation has ended must not reach V8's old space: each collection of young objects would take longer
// by what it keeps, and a full one has to follow. Counted in bytes, so it does not matter how busy the machine is.

const entry = fileURLToPath(
  new URL('../../support/operations/survivors-process.mjs', import.meta.url),
)
/** Of the same size on each Node. A collection follows some thousands of operations. */
const FLAGS = ['--min-semi-space-size=16', '--max-semi-space-size=16']
const COUNT = 12_000
/** Measured, with Node 16 to 26: 3 to 40. Where answers live on: 100 to 1,800. */
const MAX_BYTES = 80

let server: RedisServer
let cluster: ClusterServers

beforeAll(async () => {
  ;[server, cluster] = await Promise.all([startRedis(), startCluster()])
})

afterAll(async () => {
  await Promise.all([server?.stop(), cluster?.stop()])
})

const READS = 'reads of records'
const SAVES = 'saves of records'
const NINE_TO_ONE = [...Array<string>(9).fill(READS), SAVES]

const ALL: readonly [string, string[]][] = [
  ['reads', [READS]],
  ['saves', [SAVES]],
  ['nine reads to a save', NINE_TO_ONE],
  ['reads of tokens', ['reads of tokens']],
  ['saves of tokens', ['saves of tokens']],
  // `close` can give it up.
  ['reads of tokens in bulk', ['reads of tokens in bulk']],
]

const IN_CLUSTER: typeof ALL = [
  ['reads', [READS]],
  ['saves', [SAVES]],
  ['saves of tokens', ['saves of tokens']],
]

const DATABASES: readonly [string, RedisOAuthDatabaseOptions, typeof ALL][] = [
  ['a database', {}, ALL],
  [
    'an encrypted database',
    { encryption: { keys: [{ id: 'a', key: randomBytes(32) }], memoBytes: 0 } },
    [['nine reads to a save', NINE_TO_ONE]],
  ],
  ['a database with a cache', { cache: true }, [['saves', [SAVES]]]],
]

describe.each(DATABASES)('of %s', (_, options, operations) => {
  it.each([64, 4])('nothing lives on but what is in use, with %i callers', async (callers) => {
    const { host, port } = server
    await expectNoSurvivors({ host, port, ...options }, operations, callers)
  })
})

describe('of a database that coordinates refreshes', () => {
  it.each([64, 4])('nothing lives on but what is in use, with %i callers', async (callers) => {
    const { host, port } = server
    const reads: typeof ALL = [
      ['reads', [READS]],
      ['nine reads to a save', NINE_TO_ONE],
    ]
    await expectNoSurvivors({ host, port }, reads, callers, true)
  })
})

describe('of a database in a Cluster', () => {
  it.each([64, 4])('nothing lives on but what is in use, with %i callers', async (callers) => {
    await expectNoSurvivors({ url: cluster.url }, IN_CLUSTER, callers)
  })
})

async function expectNoSurvivors(
  options: RedisOAuthDatabaseOptions,
  operations: typeof ALL,
  callers: number,
  coordinates: boolean = false,
): Promise<void> {
  const [child] = (await startProcesses({ entry, flags: FLAGS })) as [TestProcess]
  try {
    await child.call('open', options, coordinates)
    const survivors: Record<string, number> = {}
    for (const [title, names] of operations) {
      survivors[title] = await child.call<number>('survivors', names, callers, COUNT, MAX_BYTES)
    }
    const tooMany = Object.entries(survivors).filter(([, bytes]) => bytes > MAX_BYTES)
    expect(tooMany).toEqual([])
    await child.call('close')
  } finally {
    await child.kill()
  }
}
