import { readFileSync } from 'node:fs'
import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { runIn } from './scratch.js'

const scratch = inject('scratch')
const nodes = inject('nodes')
const newest = nodes.at(-1) as (typeof nodes)[number]

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

/** Runs a script of the scratch project to its own end and gives the JSON that it printed. */
async function outcomeOf(node: string, script: string): Promise<unknown> {
  const { code, stdout, stderr } = await runIn(scratch, node, [script], { REDIS_URL: redis.url })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe.each(nodes.map(({ version, path }) => [version, path] as const))(
  'on Node %s',
  (version, path) => {
    test('a CommonJS process stores, reads, lists, deletes, closes and ends by itself', async () => {
      expect(await outcomeOf(path, 'session.cjs')).toEqual(SESSION)
    })

    test('an ES module process does the same', async () => {
      expect(await outcomeOf(path, 'session-of-esm.mjs')).toEqual(SESSION)
    })

    test('encryption, the cache, leases, imports and errors with a cause work', async () => {
      expect(await outcomeOf(path, 'features.mjs')).toEqual({
        failed: [],
        flown: 'done',
        imported: ['SOURCE_FAILED', 'the source'],
        warnings: [],
        unreadable: 0,
        refused: ['CONNECTION_REFUSED', 'ECONNREFUSED'],
      })
    })

    test('import and require give the same class at every entry point', async () => {
      const differences = await outcomeOf(path, 'one-class.mjs')
      expect(differences).toMatchObject({ '.': [] })
      expect(Object.values(differences as object).flat()).toEqual([])
    })

    if (Number.parseInt(version, 10) >= 24) {
      test('await using closes the database', async () => {
        expect(await outcomeOf(path, 'await-using.mjs')).toEqual({ code: 'CLOSED' })
      })
    }

    test('a database that is never used does not keep the process alive', async () => {
      expect(await outcomeOf(path, 'unused.cjs')).toEqual({ end: 'of script' })
    })
  },
)

test('an installation declares ioredis and @atxp/common as its only dependencies', () => {
  const manifest = JSON.parse(
    readFileSync(join(scratch, 'node_modules/@atxp/redis/package.json'), 'utf8'),
  )
  expect(Object.keys(manifest.dependencies).sort()).toEqual(['@atxp/common', 'ioredis'])
  expect(manifest).not.toHaveProperty('optionalDependencies')
})

test('an installation holds the build, its declarations and the texts, and no source', async () => {
  const root = await readdir(join(scratch, 'node_modules/@atxp/redis'))
  expect(root.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json'])
  const dist = await readdir(join(scratch, 'node_modules/@atxp/redis/dist'))
  expect(dist.filter((name) => /\.[cm]?ts$/.test(name) && !/\.d\.[cm]?ts$/.test(name))).toEqual([])
})

test('everything works without the code of @atxp/common: only its types are used', async () => {
  const common = join(scratch, 'node_modules/@atxp/common')
  await rename(common, `${common}-away`)
  try {
    expect(await outcomeOf(newest.path, 'session.cjs')).toEqual(SESSION)
    expect(await outcomeOf(newest.path, 'session-of-esm.mjs')).toEqual(SESSION)
  } finally {
    await rename(`${common}-away`, common)
  }
})
