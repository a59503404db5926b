import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { saidBy } from '../../support/newcomer/not-built.js'
import { startWorld } from '../../support/newcomer/world.mjs'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  // What editors show of the entry points.
  ...readdirSync(join(root, 'dist')).map((name) => `dist/${name}`),
].filter((page) => /\.md$|\.d\.ts$/.test(page))

/** Those that say what they print. */
const examples = readdirSync(join(root, 'examples'))
  .map((name) => `examples/${name}/run.mjs`)
  .filter((path) => existsSync(join(root, path)))
  .filter((path) => promisedBy(readFileSync(join(root, path), 'utf8')).length > 0)

/**
 * Fences that hold code. Behind `compile-only` is what needs files or servers that are not here, behind `node-18` what the types of Node
 * 16 do not have: a test of its own runs that.
 */
const FENCE = /^```(\w*)[ ]?(.*)\n([\s\S]*?)^```$/gm
const LANGUAGES = ['js', 'ts']
const COMPILES_WITHIN_MS = 90_000
/** A conformance suite, one case after the other, takes a dozen seconds. */
const RUNS_WITHIN_MS = 45_000
const COMMENT_EDGE = /^ *\* ?/gm

interface Block {
  page: string
  line: number
  name: string
  language: string
  isRun: boolean
  code: string
}

const blocks = pages.flatMap(blocksOf)

function blocksOf(page: string): Block[] {
  const file = readFileSync(join(root, page), 'utf8')
  const text = page.endsWith('.md') ? file : file.replace(COMMENT_EDGE, '')
  return [...text.matchAll(FENCE)]
    .filter(
      ([, language = '', attribute]) => LANGUAGES.includes(language) && attribute !== 'node-18',
    )
    .map(({ index, 1: language = '', 2: attribute = '', 3: code = '' }) => {
      if (!['', 'compile-only'].includes(attribute)) throw new Error(`${page}: ${attribute}?`)
      const line = text.slice(0, index).split('\n').length
      const name = `${page.replace(/\W+/g, '-').toLowerCase()}-${line}`
      // test/package/newcomer.test.ts runs those of the README.
      const isRun = attribute === '' && page !== 'README.md'
      return { page, line, name, language, isRun, code }
    })
}

/** Pages show whole programs. Doc comments say `db` for a database that was made before, and do not import the class. */
function programOf({ page, code }: Block, url: string): string {
  const own = code.replaceAll('redis://localhost:6379', url)
  if (page.endsWith('.md') || /^import .* from '@atxp\/redis'/m.test(own)) return own
  return [
    "import { RedisOAuthDatabase, RedisOAuthDatabaseError, withOAuthDatabase } from '@atxp/redis'",
    /^const db = /m.test(own) ? '' : 'const db = RedisOAuthDatabase.fromEnv()',
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
/** How the blocks of a language are checked. What JavaScript says nothing about may be anything. */
const CHECKS = {
  js: {
    extension: '.mjs',
    options: { allowJs: true, checkJs: true, noImplicitAny: false, noEmit: true },
  },
  ts: { extension: '.mts', options: { outDir: 'out' } },
}
let redis: RedisServer
let world: Awaited<ReturnType<typeof startWorld>>
let compiled: Ended[]

beforeAll(async () => {
  redis = await startRedis()
  world = await startWorld()
  mkdirSync(directory, { recursive: true })
  compiled = await Promise.all([compile('js'), compile('ts')])
}, COMPILES_WITHIN_MS)

function compile(language: keyof typeof CHECKS): Promise<Ended> {
  const { extension, options } = CHECKS[language]
  const own = blocks.filter((block) => block.language === language)
  const files = own.map(({ name }) => `${name}${extension}`)
  own.forEach((block, index) => {
    writeFileSync(join(directory, files[index] as string), programOf(block, redis.url))
  })
  const compilerOptions = {
    strict: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2022', 'esnext.disposable', 'dom'],
    types: ['node'],
    skipLibCheck: true,
    rootDir: '.',
    ...options,
  }
  const project = join(directory, `tsconfig.${language}.json`)
  writeFileSync(project, JSON.stringify({ compilerOptions, files }))
  const compiler = join(root, 'node_modules/.bin/tsc')
  return run(compiler, ['-p', project], directory, COMPILES_WITHIN_MS)
}

afterAll(async () => {
  await world?.stop()
  await redis?.stop()
  rmSync(directory, { recursive: true, force: true })
})

function run(file: string, args: string[], cwd: string, timeout = RUNS_WITHIN_MS): Promise<Ended> {
  const { PATH = '' } = process.env
  // As docs/security.md calls it.
  const [OAUTH_KEY_A, OAUTH_NAME_KEY] = [0, 1].map(() => randomBytes(32).toString('base64'))
  const own = { ...world.env, PATH, HOME: directory, TMPDIR: directory }
  const env = { ...own, REDIS_URL: redis.url, OAUTH_KEY_A, OAUTH_NAME_KEY }
  const options = { cwd, env, timeout }
  return new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error.code ?? error.signal)
      resolve({ code, stdout, stderr: saidBy(stderr) })
    })
  })
}

function runScript(path: string): Promise<Ended> {
  return run(process.execPath, [path], root)
}

/** Without what the ATXP SDK logs. */
function linesOf(output: string): string[] {
  const lines = output.trimEnd().split('\n')
  return lines.filter((line) => !line.startsWith('[atxp] '))
}

test('every page with code was found', () => {
  const withCode = new Set(blocks.map(({ page }) => page))
  expect([...withCode]).toEqual(expect.arrayContaining(['README.md', 'dist/index.d.ts']))
  expect(blocks.length).toBeGreaterThan(10)
  expect(examples).toContain('examples/basic/run.mjs')
})

test('every code block of the README, of docs/ and of doc comments compiles', () => {
  const fine = { code: 0, stdout: '', stderr: '' }
  expect(compiled).toEqual([fine, fine])
})

async function expectRun({ name, language, code: source }: Block): Promise<void> {
  const folder = language === 'ts' ? `${directory}/out` : directory
  const { code, stdout, stderr } = await runScript(`${folder}/${name}.mjs`)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const promised = promisedBy(source)
  if (promised.length > 0) expect(linesOf(stdout)).toEqual(promised)
}

const toRun = blocks
  .filter(({ isRun }) => isRun)
  .map((block) => [block.page, block.line, block] as const)
/** Their records have names that are new for each run, so they may run at once, over whatever is there. */
const suites = toRun.filter(([, , { code }]) => code.includes('oauthDbConformance('))

describe.concurrent('a suite runs to its own end and prints what its comments say', () => {
  test.each(suites)('%s, line %i', (_page, _line, block) => expectRun(block), RUNS_WITHIN_MS)
})

describe('runs to its own end and prints what its comments say', () => {
  beforeEach(async () => {
    await redis.cli('FLUSHALL')
  })

  const others = toRun.filter((block) => !suites.includes(block))
  test.each(others)('%s, line %i', (_page, _line, block) => expectRun(block), RUNS_WITHIN_MS)

  test.each(examples)('%s', async (example) => {
    const { code, stdout } = await runScript(example)
    expect({ code, lines: linesOf(stdout) }).toEqual({
      code: 0,
      lines: promisedBy(readFileSync(join(root, example), 'utf8')),
    })
  })
})
