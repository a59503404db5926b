import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { runIn } from './scratch.js'

const scratch = inject('scratch')
const nodes = inject('nodes')
const newest = nodes.at(-1) as (typeof nodes)[number]

const installed = join(scratch, 'node_modules/@atxp/redis')
const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))

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

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const lists = entries.map(async (entry) => {
    if (!entry.isDirectory()) return [entry.name]
    const files = await filesIn(join(directory, entry.name))
    return files.map((file) => `${entry.name}/${file}`)
  })
  return (await Promise.all(lists)).flat()
}

// Their processes wait more than they compute.
describe.concurrent.each(nodes.map(({ version, path }) => [version, path] as const))(
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

test('an installation brings ioredis, its own hash of keys, and nothing of the SDK', async () => {
  expect(Object.keys(manifest.dependencies).sort()).toEqual(['cluster-key-slot', 'ioredis'])
  expect(manifest).not.toHaveProperty('optionalDependencies')
  expect(await readdir(join(scratch, 'node_modules/@atxp'))).toEqual(['redis'])
})

test('an installation holds the build and the texts, and one declaration file for each face', async () => {
  const root = await readdir(installed)
  expect(root.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json'])
  const faces = Object.values(manifest.exports)
    .filter((entry) => typeof entry === 'object')
    .flatMap((entry) => Object.values(entry as Record<string, { types: string }>))
    .map(({ types }) => types.replace('./dist/', ''))
  const files = await filesIn(join(installed, 'dist'))
  expect(files.filter((name) => /\.[cm]?ts$/.test(name)).sort()).toEqual(faces.sort())
})

test('a stack trace names the line of the source', async () => {
  const args = ['--enable-source-maps', 'stack.cjs']
  const { stdout } = await runIn(scratch, newest.path, args)
  const [, thrown] = JSON.parse(stdout).split('\n')
  expect(thrown).toMatch(/@atxp\/redis\/src\/\S+\.ts:\d+/)
})
