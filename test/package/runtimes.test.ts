import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { runIn } from './scratch.js'
import type { Runtime } from './tarball.global.js'

const scratch = inject('scratch')
const NAMES = { node: 'Node', bun: 'Bun', deno: 'Deno' }

const SESSION = {
  token: 'token_value',
  nothing: null,
  has: true,
  list: ['user_123', 'user_456'],
  deleted: true,
  deletedAgain: false,
  code: 'CLOSED',
}

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})

afterAll(() => redis.stop())

/** The rights to files, network and environment that Node and Bun give to all. */
const ALL_RIGHTS = ['--allow-all']

/** Runs a script of the scratch project to its own end and gives the JSON that it printed. */
async function outcomeOf(
  { kind, path }: Runtime,
  script: string,
  { url }: RedisServer = redis,
  rights: string[] = ALL_RIGHTS,
): Promise<unknown> {
  const args = kind === 'deno' ? ['run', ...rights, '--no-prompt', script] : [script]
  const { code, stdout, stderr } = await runIn(scratch, path, args, { REDIS_URL: url })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

// Their processes wait more than they compute.
describe.concurrent.each(
  inject('runtimes').map(
    (runtime) => [`${NAMES[runtime.kind]} ${runtime.version}`, runtime] as const,
  ),
)('on %s', (_name, runtime) => {
  test('a CommonJS process stores, reads, lists, deletes, closes and ends by itself', async () => {
    expect(await outcomeOf(runtime, 'session.cjs')).toEqual(SESSION)
  })

  test('an ES module process does the same', async () => {
    expect(await outcomeOf(runtime, 'session-of-esm.mjs')).toEqual(SESSION)
  })

  test('the conformance suite over encryption and the cache, leases, imports and errors with a cause work', async () => {
    expect(await outcomeOf(runtime, 'features.mjs')).toEqual({
      failed: [],
      flown: 'done',
      imported: ['SOURCE_FAILED', 'the source'],
      warnings: ['NO_APPEND_ONLY_FILE'],
      unreadable: 0,
      refused: ['CONNECTION_REFUSED', 'ECONNREFUSED'],
    })
  })

  test('records are exported and imported, and SQLite is read where there is one', async () => {
    expect(await outcomeOf(runtime, 'move.mjs')).toEqual({
      moved: { added: 1, kept: 0, refused: 0 },
      expiresAt: '2099-01-01T00:00:00.000Z',
      imported: true,
    })
  })

  test('a server that hangs lets the call fail in time, and the process end by itself', async () => {
    const server = await startRedis()
    try {
      const outcome = outcomeOf(runtime, 'hung.mjs', server)
      await eventually(async () => (await server.cli('EXISTS', 'atxp:oauth:is there')) === 1, {
        withinMs: 20_000,
      })
      server.pause()
      expect(await outcome).toEqual({ code: 'TIMEOUT' })
    } finally {
      await server.stop()
    }
  })

  test('threads have databases of their own, and one that is ended leaves the others alone', async () => {
    expect(await outcomeOf(runtime, 'threads.mjs')).toEqual({
      tokens: ['of thread 1', 'of thread 2', 'of thread 3'],
    })
  })

  test('processes of node:cluster have databases of their own, and leases among them', async () => {
    expect(await outcomeOf(runtime, 'forks.mjs')).toEqual({ codes: [0, 0, 0], tokens: 1 })
  })

  test('import and require give the same class at every entry point', async () => {
    const differences = await outcomeOf(runtime, 'one-class.mjs')
    expect(differences).toMatchObject({ '.': [] })
    expect(Object.values(differences as object).flat()).toEqual([])
  })

  test('calls are counted, and counting keeps no process alive', async () => {
    expect(await outcomeOf(runtime, 'metrics.mjs')).toEqual({ stored: 1 })
  })

  if (runtime.kind !== 'node' || Number.parseInt(runtime.version, 10) >= 24) {
    test('await using closes the database', async () => {
      expect(await outcomeOf(runtime, 'await-using.mjs')).toEqual({ code: 'CLOSED' })
    })
  }

  if (runtime.kind === 'deno') {
    test('the rights to the network and the environment are enough to store, read and list', async () => {
      const rights = ['--allow-net', '--allow-env']
      expect(await outcomeOf(runtime, 'session-of-esm.mjs', redis, rights)).toEqual(SESSION)
    })
  }

  test('a database that is never used does not keep the process alive', async () => {
    expect(await outcomeOf(runtime, 'unused.cjs')).toEqual({ end: 'of script' })
  })
})
