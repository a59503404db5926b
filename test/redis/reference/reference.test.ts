import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { certificates } from '../../support/servers/certificates.js'
import {
  REDIS_SERVER_BIN,
  type RedisServer,
  type RedisServerOptions,
  startRedis,
} from '../../support/servers/redis-server.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
// Inside the project, so that `@atxp/redis` is found by its own name.
const directory = join(root, `.cache/reference-${process.pid}`)

const page = readFileSync(join(root, 'test/redis/reference/blocks.md'), 'utf8')
const BLOCK = /^## (.*)\n\n```(\w+)\n([\s\S]*?)\n```$/gm

/** A block, or one of the examples in it: those that have no import each begin with a comment. */
interface Snippet {
  name: string
  language: string
  code: string
}

const snippets: Snippet[] = [...page.matchAll(BLOCK)].flatMap(
  ([, title = '', language = '', code = '']) => {
    const parts = /^import /m.test(code) ? [code] : code.split(/\n\n(?=\/\/ )/)
    return parts.map((part, i) => ({
      name: parts.length === 1 ? title : `${title}, ${i + 1}`,
      language,
      code: part,
    }))
  },
)

const SERVERS = {
  open: { users: [{ name: 'username', password: 'password', rule: '~* &* +@all' }] },
  tls: { tls: true, users: [{ name: 'username', password: 'password', rule: '~* &* +@all' }] },
  password: { requirepass: 'password' },
  your_password: { requirepass: 'your_password' },
  your_redis_password: { requirepass: 'your_redis_password' },
} satisfies Record<string, RedisServerOptions>

type ServerName = keyof typeof SERVERS

interface Expected {
  server?: ServerName
  /** Stands before the snippet: what it takes from elsewhere. */
  before?: string
  /** Stands behind the snippet. */
  after?: string
  stdout?: string
  /** What is in Redis then. */
  keys?: Record<string, string>
  db?: number
}

const STORE = "await oauthDb.storeToken('a', 'one'); await oauthDb.close()"
const OPEN = "const oauthDb = new RedisOAuthDatabase({ url: 'redis://localhost:6379' })"
const CLOSE = 'await oauthDb.close()'

const EXPECTED: Record<string, Expected> = {
  Importing: { after: 'console.log(typeof RedisOAuthDatabase)', stdout: 'function\n' },
  'Basic setup': {
    stdout: "Token: oauth_token_value\nHas token: true\nAll tokens: [ 'user_123' ]\n",
    keys: { 'atxp:oauth:user_123': 'oauth_token_value' },
  },
  'Advanced configuration': {
    server: 'your_redis_password',
    after: STORE,
    keys: { 'myapp:oauth:a': 'one' },
    db: 1,
  },
  'Connection options, 1': { after: STORE, keys: { 'atxp:oauth:a': 'one' } },
  'Connection options, 2': { server: 'password', after: STORE, keys: { 'atxp:oauth:a': 'one' } },
  'Connection options, 3': { server: 'tls', after: STORE, keys: { 'atxp:oauth:a': 'one' } },
  'Environment variables': {
    server: 'your_password',
    after: STORE,
    keys: { 'atxp:oauth:a': 'one' },
  },
  'Key management, 1': {
    before: OPEN,
    after: CLOSE,
    keys: { 'atxp:oauth:user_123': 'token_value' },
  },
  'Key management, 2': { after: CLOSE, keys: { 'myapp:auth:user_123': 'token_value' } },
  'Connection refused': { after: STORE, keys: { 'atxp:oauth:a': 'one' } },
  'Authentication failures': { after: STORE, keys: { 'atxp:oauth:a': 'one' } },
  'Many tokens': {
    before: `${OPEN}
await oauthDb.storeToken('a', 'one')
await oauthDb.storeToken('b', 'two')`,
    after: `console.log(allTokens.sort())
${CLOSE}`,
    stdout: "[ 'a', 'b' ]\n",
    keys: { 'atxp:oauth:a': 'one', 'atxp:oauth:b': 'two' },
  },
  'Network timeouts': { after: STORE, keys: { 'atxp:oauth:a': 'one' } },
  Migration: {
    before: `async function getTokensFromOldSystem(): Promise<{ key: string, value: string, expiresAt?: Date }[]> {
  return [{ key: 'a', value: 'one', expiresAt: new Date(Date.now() + 60_000) }, { key: 'b', value: 'two' }]
}`,
    after: `console.log(await oauthDb.getTokenExpiry('b'), (await oauthDb.getTokenExpiry('a')) instanceof Date)
${CLOSE}`,
    stdout: 'never true\n',
    keys: { 'atxp:oauth:a': 'one', 'atxp:oauth:b': 'two' },
  },
}

const programs = snippets.filter(({ name }) => name in EXPECTED)

let servers: Record<ServerName, RedisServer>
let compiled: Ended

interface Ended {
  code: number | string | null | undefined
  stdout: string
  stderr: string
}

function run(file: string, args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const { PATH = '' } = process.env
  const own = { PATH, HOME: directory, TMPDIR: directory }
  const options = { cwd: directory, env: { ...own, ...env }, timeout: 12_000 }
  return new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr })
    })
  })
}

/** Names the test's server where the reference names one; nothing else is changed. */
function at({ host, port }: RedisServer, text: string): string {
  return text
    .replaceAll('localhost:6379', `${host}:${port}`)
    .replaceAll('@host:port/database', `@${host}:${port}/0`)
    .replaceAll('@host:port', `@${host}:${port}`)
    .replaceAll("host: 'localhost'", `host: '${host}'`)
    .replaceAll("host: 'redis.example.com'", `host: '${host}'`)
    .replace(/port: (6379|6380)/, `port: ${port}`)
    .replaceAll('-h localhost -p 6379', `-h ${host} -p ${port}`)
}

function programOf({ name, code }: Snippet): string {
  const { server = 'open', before = '', after = '' } = EXPECTED[name] ?? {}
  const isWhole = /^import /m.test(code)
  const lines = [
    isWhole ? '' : "import { RedisOAuthDatabase } from '@atxp/redis'",
    before,
    code,
    after,
  ]
  return at(servers[server], lines.join('\n'))
}

const fileOf = (name: string) => name.replace(/\W+/g, '-').toLowerCase()

/** The variables of the reference's own .env file. */
function environment(): Record<string, string> {
  const text = snippets.find(({ language }) => language === 'env')?.code ?? ''
  return Object.fromEntries(
    [...at(servers.your_password, text).matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]),
  )
}

/** The path of the command line that came with the server: `redis-cli`, or Valkey's, which takes the same. */
const commandLine = [dirname(REDIS_SERVER_BIN), ...(process.env.PATH ?? '').split(':')]
  .flatMap((folder) => ['redis-cli', 'valkey-cli'].map((name) => resolve(folder, name)))
  .find((path) => existsSync(path))

beforeAll(async () => {
  const started = await Promise.all(
    Object.entries(SERVERS).map(async ([name, options]) => [name, await startRedis(options)]),
  )
  servers = Object.fromEntries(started)
  mkdirSync(directory, { recursive: true })
  for (const program of programs) {
    writeFileSync(join(directory, `${fileOf(program.name)}.mts`), programOf(program))
  }
  const options = snippets.find(({ name }) => name === 'The options')?.code
  writeFileSync(
    join(directory, 'the-options.mts'),
    `import type { RedisOAuthDatabaseOptions as Exported } from '@atxp/redis'
${options}
export function accept(documented: RedisOAuthDatabaseOptions): Exported { return documented }
export function give(exported: Required<Exported>): Required<RedisOAuthDatabaseOptions> {
  return exported as { [K in keyof Exported]-?: NonNullable<Exported[K]> }
}`,
  )
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2022'],
    types: ['node'],
    skipLibCheck: true,
    rootDir: '.',
    outDir: 'out',
  }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  compiled = await run(join(root, 'node_modules/.bin/tsc'), ['-p', directory])
})

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await Promise.all(Object.values(servers).map((server) => server.stop()))
})

beforeEach(async () => {
  await Promise.all(Object.values(servers).map((server) => server.cli('FLUSHALL')))
})

it('every block of the reference was found, and has an expectation', () => {
  const others = snippets.filter(({ name }) => !(name in EXPECTED)).map(({ name }) => name)
  expect(others).toEqual(['The options', 'Environment file', 'Testing the connection'])
  expect(programs.map(({ name }) => name)).toEqual(Object.keys(EXPECTED))
})

it('every code block of the reference compiles as written', () => {
  expect(compiled).toEqual({ code: 0, stdout: '', stderr: '' })
})

describe('the reference runs as written:', () => {
  it.each(programs)('$name', async ({ name }) => {
    const { server = 'open', stdout = '', keys = {}, db = 0 } = EXPECTED[name] ?? {}
    const { ca } = await certificates()
    const env = {
      ...(name === 'Environment variables' && environment()),
      ...(server === 'tls' && { NODE_EXTRA_CA_CERTS: ca.certFile }),
    }
    const ended = await run(process.execPath, [join(directory, 'out', `${fileOf(name)}.mjs`)], env)
    expect(ended).toEqual({ code: 0, stdout, stderr: '' })
    expect(await contentsOf(servers[server], db)).toEqual(keys)
  })

  // A server built by hand may have no command line beside it.
  it.skipIf(commandLine === undefined)('Testing the connection', async () => {
    const code = snippets.find(({ language }) => language === 'sh')?.code ?? ''
    symlinkSync(commandLine ?? '', join(directory, 'redis-cli'))
    const PATH = `${directory}:${process.env.PATH}`
    const ended = await run('sh', ['-c', at(servers.open, code)], { PATH })
    expect(ended).toEqual({ code: 0, stdout: 'PONG\n', stderr: '' })
  })
})

async function contentsOf(server: RedisServer, db: number): Promise<Record<string, string>> {
  const script = `redis.call('SELECT', ARGV[1])
    local found = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
      table.insert(found, key)
      table.insert(found, redis.call('GET', key))
    end
    return found`
  const found = await server.cli<string[]>('EVAL', script, 0, db)
  const pairs = found.flatMap((key, i) => (i % 2 === 0 ? [[key, found[i + 1]]] : []))
  return Object.fromEntries(pairs)
}
