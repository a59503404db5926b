import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)]

/** Those that say what they print. */
const examples = readdirSync(join(root, 'examples'))
  .map((name) => `examples/${name}/run.mjs`)
  .filter((path) => existsSync(join(root, path)))
  .filter((path) => promisedBy(readFileSync(join(root, path), 'utf8')).length > 0)

/** Fences that hold code. Behind `compile-only` is what needs files or servers that are not here. */
const FENCE = /^```(\w*)[ ]?(.*)\n([\s\S]*?)^```$/gm
const LANGUAGES = ['js', 'ts']

interface Block {
  page: string
  line: number
  name: string
  isRun: boolean
  code: string
}

const blocks = pages.filter((page) => page.endsWith('.md')).flatMap(blocksOf)

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(FENCE)]
    .filter(([, language = '']) => LANGUAGES.includes(language))
    .map(({ index, 2: attribute = '', 3: code = '' }) => {
      if (!['', 'compile-only'].includes(attribute)) throw new Error(`${page}: ${attribute}?`)
      const line = text.slice(0, index).split('\n').length
      const name = `${page.replace(/\W+/g, '-').toLowerCase()}-${line}`
      return { page, line, name, isRun: attribute === '', code }
    })
}

/** The pages say `db` for a database that an earlier block of theirs has made. */
function programOf({ code }: Block, url: string): string {
  const own = code.replaceAll('redis://localhost:6379', url)
  if (/^import .* from '@atxp\/redis/m.test(own)) return own
  return [
    "import { RedisOAuthDatabase } from '@atxp/redis'",
    'const db = RedisOAuthDatabase.fromEnv()',
    `${own}await db.close()`,
    'export {}',
  ].join('\n')
}

/** What the comments behind `console.log(...)` promise. */
function promisedBy(code: string): string[] {
  return [...code.matchAll(/^\s*console\.log\(.*\) \/\/ (.*)$/gm)].map(([, line = '']) => line)
}

interface Ended {
  code: number | string | null | undefined
  stdout: string
  stderr: string
}

// Inside the project, so that `@atxp/redis` is found by its own name.
const directory = join(root, `.cache/docs-${process.pid}`)
let redis: RedisServer
let compiled: Ended

beforeAll(async () => {
  redis = await startRedis()
  mkdirSync(directory, { recursive: true })
  for (const block of blocks) {
    writeFileSync(join(directory, `${block.name}.mts`), programOf(block, redis.url))
  }
  const compilerOptions = {
    strict: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2022', 'esnext.disposable', 'dom'],
    types: ['node'],
    skipLibCheck: true,
    rootDir: '.',
    outDir: 'out',
  }
  const files = blocks.map(({ name }) => `${name}.mts`)
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  compiled = await run(join(root, 'node_modules/.bin/tsc'), ['-p', directory], directory)
})

afterAll(async () => {
  await redis.stop()
  rmSync(directory, { recursive: true, force: true })
})

beforeEach(async () => {
  await redis.cli('FLUSHALL')
})

function run(file: string, args: string[], cwd: string): Promise<Ended> {
  const { PATH = '', HOME = '' } = process.env
  // As docs/security.md calls it.
  const OAUTH_KEY_A = randomBytes(32).toString('base64')
  const options = { cwd, env: { PATH, HOME, REDIS_URL: redis.url, OAUTH_KEY_A }, timeout: 10_000 }
  return new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr })
    })
  })
}

function runScript(path: string): Promise<Ended> {
  return run(process.execPath, [path], root)
}

function linesOf(output: string): string[] {
  return output.trimEnd().split('\n')
}

test('every page with code was found', () => {
  expect(new Set(blocks.map(({ page }) => page))).toContain('README.md')
  expect(blocks.length).toBeGreaterThan(10)
  expect(examples).toContain('examples/basic/run.mjs')
})

test('every code block of the README and of docs/ compiles', () => {
  expect(compiled).toEqual({ code: 0, stdout: '', stderr: '' })
})

describe('runs to its own end and prints what its comments say', () => {
  test.each(blocks.filter(({ isRun }) => isRun).map((block) => [block.page, block.line, block]))(
    '%s, line %i',
    async (_page, _line, block) => {
      const { code, stdout, stderr } = await runScript(`${directory}/out/${block.name}.mjs`)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const promised = promisedBy(block.code)
      if (promised.length > 0) expect(linesOf(stdout)).toEqual(promised)
    },
  )

  test.each(examples)('%s', async (example) => {
    const { code, stdout } = await runScript(example)
    expect({ code, lines: linesOf(stdout) }).toEqual({
      code: 0,
      lines: promisedBy(readFileSync(join(root, example), 'utf8')),
    })
  })
})
