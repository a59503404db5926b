import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { run, runProgram } from '../../support/cli/command-line.js'
import { freePort } from '../../support/servers/free-port.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const URL = 'https://mcp.example/'
const OTHER_URL = 'https://other.example/'
const SECRET = 's3cr3t-of-alice'
const TOKEN = { accessToken: SECRET, refreshToken: `${SECRET}-refresh`, resourceUrl: URL }
const BAD_PROCESS = fileURLToPath(
  new globalThis.URL('../../support/referee/bad-process.mjs', import.meta.url),
)
const KEY = randomBytes(32).toString('base64url')

let server: RedisServer
let db: RedisOAuthDatabase
let env: Record<string, string>
let directory: string

beforeAll(async () => {
  server = await startRedis({ appendonly: true, requirepass: 'pa55word' })
  env = { REDIS_URL: server.url }
  db = new RedisOAuthDatabase({ url: server.url })
  directory = mkdtempSync(join(tmpdir(), 'atxp-redis-cli-'))
})

beforeEach(async () => {
  await server.cli('FLUSHALL')
})

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await db?.close()
  await server?.stop()
})

function expectNoSecret(...texts: string[]): void {
  for (const text of texts) expect(text).not.toMatch(/s3cr3t|pa55word/)
  for (const text of texts) expect(text).not.toContain(KEY)
}

async function fill(): Promise<void> {
  await db.saveAccessToken('alice', URL, TOKEN)
  await db.saveAccessToken('alice', OTHER_URL, TOKEN)
  await db.saveAccessToken('bob', URL, TOKEN)
  await db.saveClientCredentials('https://auth.example', {
    clientId: 'id',
    clientSecret: SECRET,
    redirectUri: URL,
  })
}

describe('users, sessions, registrations', () => {
  it('are listed, a line each, with the progress on the other stream', async () => {
    await fill()
    const users = await run(['users'], { env })
    expect(users.code).toBe(0)
    expect(users.stdout.split('\n').sort()).toEqual(['', 'alice', 'bob'])
    expect(users.stderr).toMatch(/^\d+ of \d+ keys\n$/)
    const sessions = await run(['sessions', 'alice'], { env })
    expect(sessions.stdout).toMatch(/^URL +ACCESS TOKEN UNTIL/)
    expect(sessions.stdout).toContain(OTHER_URL)
    const registrations = await run(['registrations'], { env })
    expect(registrations.stdout).toBe('https://auth.example  client  id\n')
    expectNoSecret(users.stdout, sessions.stdout, registrations.stdout)
  })

  it('are one JSON value for programs', async () => {
    await fill()
    expect(JSON.parse((await run(['users', '--json'], { env })).stdout).sort()).toEqual([
      'alice',
      'bob',
    ])
    const sessions = JSON.parse((await run(['sessions', 'alice', '--json'], { env })).stdout)
    expect(sessions).toHaveLength(2)
    expect(sessions[0]).toMatchObject({ hasRefreshToken: true, expiresAt: null })
    const registrations = await run(['registrations', '--json'], { env })
    expect(JSON.parse(registrations.stdout)).toMatchObject([{ clientId: 'id' }])
    await server.cli('FLUSHALL')
    expect((await run(['users', '--json'], { env })).stdout).toBe('[]\n')
    expect(await run(['sessions', 'nobody'], { env })).toMatchObject({
      stdout: '',
      stderr: 'no sessions\n',
    })
  })

  it('never let a name from Redis move the cursor or turn the text round', async () => {
    const name = 'a\u001b[2J\u009b\u202eb\n'
    await db.saveAccessToken(name, URL, TOKEN)
    const { stdout } = await run(['users'], { env })
    expect(stdout).toBe('a\\u001b[2J\\u009b\\u202eb\\u000a\n')
    const json = (await run(['users', '--json'], { env })).stdout
    expect(json).not.toContain('\u009b')
    expect(JSON.parse(json)).toEqual([name])
  })
})

describe('revoke', () => {
  it('does nothing without --yes, and shows what it would do', async () => {
    await fill()
    expect(await run(['revoke', 'alice'], { env })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('--yes'),
    })
    const { code, stdout } = await run(['revoke', 'alice', URL, '--dry-run'], { env })
    expect(code).toBe(0)
    expect(stdout).toContain(URL)
    expect(stdout).not.toContain(OTHER_URL)
    expect(await db.listAccessTokens('alice')).toHaveLength(2)
  })

  it('ends one session, or all', async () => {
    await fill()
    const one = await run(['revoke', 'alice', URL, '--yes', '--json'], { env })
    expect(JSON.parse(one.stdout)).toEqual({ removed: 1 })
    expect(await db.listAccessTokens('alice')).toHaveLength(1)
    expect((await run(['revoke', 'alice', '--yes'], { env })).stdout).toBe('1 record(s) removed\n')
    expect(await db.listAccessTokens('alice')).toEqual([])
    expect(await db.listAccessTokens('bob')).toHaveLength(1)
  })
})

describe('reseal', () => {
  it('counts with --dry-run, and reseals without', async () => {
    await db.storeToken('a', SECRET)
    await db.storeToken('b', SECRET)
    const file = join(directory, 'options.mjs')
    const encryption = `{ keys: [{ id: 'new', key: process.env.NEW_KEY }], acceptPlaintext: true }`
    writeFileSync(
      file,
      `export default { url: process.env.REDIS_URL, encryption: ${encryption} }\n`,
    )
    const all = { ...env, NEW_KEY: KEY }
    const dry = await runProgram(['reseal', '--config', file, '--dry-run', '--json'], all)
    expect(JSON.parse(dry.stdout)).toMatchObject({ seen: 2, resealed: 2, unreadable: 0 })
    expect(await server.cli('GET', 'atxp:oauth:a')).toBe(SECRET)
    const done = await runProgram(['reseal', '--config', file], all)
    expect(done).toMatchObject({ code: 0, stdout: '2 records, 2 resealed, 0 unreadable\n' })
    expect(await server.cli('GET', 'atxp:oauth:a')).not.toBe(SECRET)
    expectNoSecret(dry.stderr, done.stderr, done.stdout)
  })

  it('says which variable it needs, and ends with 1 where records cannot be read', async () => {
    expect(await run(['reseal'], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('ATXP_REDIS_ENCRYPTION_KEYS'),
    })
    await db.storeToken('a', SECRET)
    const sealed = { ...env, ATXP_REDIS_ENCRYPTION_KEYS: `new:${KEY}` }
    const result = await run(['reseal'], { env: sealed })
    expect(result).toMatchObject({ code: 1, stdout: '1 records, 0 resealed, 1 unreadable\n' })
  })
})

describe('doctor', () => {
  it('ends with 0 when all it has is advice, and says one fact a line', async () => {
    await fill()
    const { code, stdout } = await run(['doctor'], { env })
    expect(code).toBe(0)
    for (const line of stdout.trimEnd().split('\n')) expect(line).toMatch(/^(ok|advice) {2,}\S/)
    expect(stdout).toMatch(/advice {3}records are not encrypted.*\[NO_ENCRYPTION\]/)
    expectNoSecret(stdout)
  })

  it('ends with 1 on trouble, on the server and on the way to it', async () => {
    await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    const evicting = await run(['doctor', '--json'], { env })
    await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    expect(evicting.code).toBe(1)
    expect(JSON.parse(evicting.stdout)).toContainEqual(
      expect.objectContaining({ mark: 'trouble', code: 'EVICTION' }),
    )
    const url = `redis://:pa55word@127.0.0.1:${await freePort()}`
    const away = await run(['doctor', '--url', url], { env })
    expect(away).toMatchObject({ code: 1, stdout: expect.stringContaining('[CONNECTION_REFUSED]') })
    expectNoSecret(away.stdout, away.stderr)
  })
})

it('doctor finds a clock that is ten minutes off', async () => {
  const clock = new globalThis.URL('../../support/faults/shifted-clock.mjs', import.meta.url).href
  const shifted = { ...env, NODE_OPTIONS: `--import ${clock}`, CLOCK_SHIFT_MS: '-600000' }
  const { code, stdout } = await runProgram(['doctor', '--json'], shifted)
  expect(code).toBe(1)
  const [finding] = JSON.parse(stdout).filter(({ mark }: { mark: string }) => mark === 'trouble')
  expect(finding).toMatchObject({ code: 'CLOCK_SKEW', fact: expect.stringContaining('behind') })
})

it.each([
  [
    { REDIS_HOST: 'h:6379' },
    'REDIS_HOST must be a host name or IP address, without a scheme, a port',
  ],
  [
    { REDIS_URL: 'https://u:s3cr3t@h' },
    'REDIS_URL is not a Redis URL: it is the address of a web page',
  ],
  [{ REDIS_PORT: 'six' }, 'REDIS_PORT must be an integer'],
])('doctor says of a wrong variable what it takes: case %#', async (wrong, message) => {
  const { code, stderr } = await run(['doctor'], { env: wrong as Record<string, string> })
  expect(code).toBe(2)
  expect(stderr).toContain(message)
  expectNoSecret(stderr)
})

describe('keygen', () => {
  it('prints variables for a pipe, and never for a terminal', async () => {
    const { code, stdout } = await run(['keygen', '--id', 'b', '--hash-key'])
    expect(code).toBe(0)
    const variables = Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/)),
    )
    expect(stdout).toMatch(
      /^ATXP_REDIS_ENCRYPTION_KEYS=b:[\w-]{43}\nATXP_REDIS_HASH_KEY=[\w-]{43}\n$/,
    )
    await RedisOAuthDatabase.fromEnv({}, { ...env, ...variables }).close()
    expect(await run(['keygen'], { isTerminal: true })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('--out FILE'),
    })
  })

  it('writes a file for its owner alone, and over none', async () => {
    const file = join(directory, 'keys.env')
    const { code, stdout, stderr } = await run(['keygen', '--out', file], { isTerminal: true })
    expect([code, stdout]).toEqual([0, ''])
    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(/^ATXP_REDIS_ENCRYPTION_KEYS=\d{4}-\d\d:[\w-]{43}\n$/)
    expect(stderr).not.toContain(text.split(':')[1]?.trim())
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await run(['keygen', '--out', file])).toMatchObject({ code: 2 })
    expect(readFileSync(file, 'utf8')).toBe(text)
  })
})

describe('referee', () => {
  const command = (way: string) => [
    ...['referee', '--processes', '2', '--scenario', 'cold start', '--timeout', '5000', '--json'],
    ...['--', process.execPath, BAD_PROCESS, way],
  ]

  it('ends with 1 where the processes fail, and shows no secret of theirs', async () => {
    const setting = { env: { PIDS: join(directory, 'pids') } }
    const { code, stdout, stderr } = await run(command('dies with a secret on its lips'), setting)
    expect(code).toBe(1)
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({
      processes: 2,
      passed: false,
      scenarios: [{ name: 'cold start' }],
    })
    expect(stderr).toBe('failed: cold start\n')
    expect(stdout).not.toContain('refresh-secret-17')
  })

  it.each([
    [['referee'], 'usage: atxp-redis referee COMMAND...'],
    [['referee', '--processes', '1', 'node'], 'options.processes must be a whole number from 2'],
    [['referee', '--timeout', 'soon', 'node'], '--timeout takes a whole number'],
    [['referee', '--scenario', 'warm start', 'node'], 'There are: cold start'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await run(args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })
})

describe('wrong use ends with 2, and quotes no value', () => {
  it.each([
    [['usres'], 'usres is not a command (did you mean users?)'],
    [['users', '--jsno'], 'did you mean --json?'],
    [['users', '--password=s3cr3t'], 'is not an option here'],
    [['users', '--url'], '--url needs a value'],
    [['users', '--url', '--json'], '--url needs a value'],
    [['users', '--json=s3cr3t'], '--json takes no value'],
    [['users', 'alice'], 'usage: atxp-redis users'],
    [['sessions'], 'usage: atxp-redis sessions USER'],
    [['users', '--url', 'http://u:s3cr3t@h'], '--url is not a Redis URL'],
    [['users', '--url', 'redis://h', '--config', 'f'], 'leave one of them out'],
    [['users', '--config', '/nowhere/s.mjs'], 'cannot be loaded (Error ERR_MODULE_NOT_FOUND)'],
    [['keygen', '--id', 'a key: s3cr3t'], '--id takes 1 to 32 characters'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await run(args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
    expectNoSecret(stderr)
  })
})

it('what follows -- is no option', async () => {
  const { stdout, stderr } = await run(['sessions', '--', '--json'], { env })
  expect([stdout, stderr]).toEqual(['', 'no sessions\n'])
})

it('a failure of Redis is told by its code, for programs as JSON', async () => {
  const url = `redis://:pa55word@127.0.0.1:${await freePort()}`
  const { code, stdout, stderr } = await run(['sessions', 'alice', '--json', '--url', url])
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toEqual({
    error: { code: 'CONNECTION_REFUSED', message: expect.stringContaining('sessions failed') },
  })
  expect(stderr).toMatch(/^atxp-redis: CONNECTION_REFUSED: /)
  expectNoSecret(stdout, stderr)
})

it('help has examples, for every command', async () => {
  const { code, stdout } = await run([])
  expect(code).toBe(0)
  const names = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = '']) => name)
  expect(names).toContain('doctor')
  for (const name of names) {
    const help = await run([name, '--help'])
    expect(help.code).toBe(0)
    expect(help.stdout).toMatch(new RegExp(`Examples:\\n[^]*atxp-redis ${name}`))
  }
})

it('an interrupted command ends with 130', async () => {
  await fill()
  expect((await run(['users'], { env, signal: AbortSignal.abort() })).code).toBe(130)
})

it('the program is built, and says which Node it needs', () => {
  const file = fileURLToPath(new globalThis.URL('../../../dist/cli.js', import.meta.url))
  expect(readFileSync(file, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  expect(statSync(file).mode & 0o111).toBe(0o111)
})
