import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { run } from '../../support/cli/command-line.js'
import { encryptionHooks } from '../../support/databases/encryption-hooks.mjs'
import { PublishedOAuthDb } from '../../support/databases/published-oauth-db.mjs'
import { eventually } from '../../support/eventually.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const SECRET = 's3cr3t-of-alice'
const TOKEN = { accessToken: SECRET, refreshToken: `${SECRET}-refresh`, resourceUrl: '' }
const PROGRAM = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))

let server: RedisServer
let directory: string
let from: Record<string, string>
let to: Record<string, string>

beforeAll(async () => {
  server = await startRedis()
  directory = mkdtempSync(join(tmpdir(), 'atxp-redis-cli-'))
  from = { REDIS_URL: server.url, REDIS_KEY_PREFIX: 'from:' }
  to = { REDIS_URL: server.url, REDIS_KEY_PREFIX: 'to:' }
})

beforeEach(() => server.cli('FLUSHALL'))

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await server?.stop()
})

async function withDatabase<T>(
  env: Record<string, string>,
  work: (db: RedisOAuthDatabase) => Promise<T>,
): Promise<T> {
  const db = RedisOAuthDatabase.fromEnv({}, env)
  try {
    return await work(db)
  } finally {
    await db.close()
  }
}

const fill = (env: Record<string, string>) =>
  withDatabase(env, async (db) => {
    await db.saveAccessToken('alice', '', TOKEN)
    await db.storeToken('a', SECRET)
  })

const tokenOfAlice = (env: Record<string, string>) =>
  withDatabase(env, (db) => db.getAccessToken('alice', ''))

it('sealed records go by a file, which only its owner can read, and no secret stands in it', async () => {
  const keys = { ATXP_REDIS_ENCRYPTION_KEYS: `a:${randomBytes(32).toString('hex')}` }
  await fill({ ...from, ...keys })
  const file = join(directory, 'sealed.ndjson')
  const out = await run(['export', '--out', file], { env: { ...from, ...keys }, isTerminal: true })
  expect(out).toMatchObject({ code: 0, stdout: '' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8')).not.toContain('s3cr3t')
  const imported = await run(['import', file], { env: { ...to, ...keys } })
  expect(imported).toMatchObject({ code: 0, stdout: '2 added, 0 were there, 0 left out\n' })
  expect(await tokenOfAlice({ ...to, ...keys })).toEqual(TOKEN)
  const again = await run(['import', file, '--json'], { env: { ...to, ...keys } })
  expect(JSON.parse(again.stdout)).toEqual({ added: 0, kept: 2, refused: 0 })
})

it('plain records go through a pipe, where that is said on both sides', async () => {
  await fill(from)
  const program = `'${process.execPath}' '${PROGRAM}'`
  const { status, stdout, stderr } = spawnSync(
    'sh',
    ['-c', `${program} export --plain | REDIS_KEY_PREFIX=to: ${program} import - --plain`],
    { env: { ...from, PATH: process.env.PATH }, encoding: 'utf8' },
  )
  expect({ status, stdout }).toEqual({ status: 0, stdout: '2 added, 0 were there, 0 left out\n' })
  expect(stderr).not.toContain('s3cr3t')
  expect(await tokenOfAlice(to)).toEqual(TOKEN)
})

it.each([
  [['export'], 'this database does not encrypt its records: give --plain'],
  [['import', '/nowhere/records.ndjson'], '/nowhere/records.ndjson cannot be read (ENOENT)'],
  [['import', 'f', '--overwrite'], '--overwrite may replace newer records by older ones'],
  [['import', 'f', '--resume', 'x'], '--resume takes the number of a line'],
  [['import'], 'usage: atxp-redis import FILE'],
  [['migrate', '--overwrite'], '--overwrite may replace newer records'],
  [['migrate', '--decrypt', '/nowhere/decrypt.mjs'], '--decrypt /nowhere/decrypt.mjs cannot be'],
])('%j is wrong use', async (args, message) => {
  const { code, stdout, stderr } = await run(args, { env: from })
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(message)
})

it('an export goes to no terminal, and over no file', async () => {
  await fill(from)
  const shown = await run(['export', '--plain'], { env: from, isTerminal: true })
  expect(shown).toMatchObject({ code: 2, stdout: '' })
  const file = join(directory, 'there.ndjson')
  writeFileSync(file, 'mine')
  expect((await run(['export', '--plain', '--out', file], { env: from })).code).toBe(2)
  expect(readFileSync(file, 'utf8')).toBe('mine')
})

it('records of the published class are taken over, and once only', async () => {
  const old = new PublishedOAuthDb({ redis: server.url })
  await old.saveAccessToken('alice', '', TOKEN)
  await old.close()
  const { code, stdout, stderr } = await run(['migrate'], { env: to })
  expect([code, stdout]).toEqual([0, '1 added, 0 were there, 0 left out\n'])
  expect(stderr).not.toContain('s3cr3t')
  expect(await tokenOfAlice(to)).toMatchObject(TOKEN)
  const again = await run(['migrate', '--json'], { env: to })
  expect(JSON.parse(again.stdout)).toEqual({ added: 0, kept: 1, refused: 0 })
  expect(await run(['migrate', '--from-url', 'http://u:s3cr3t@h'], { env: to })).toMatchObject({
    code: 2,
    stderr: expect.not.stringContaining('s3cr3t'),
  })
})

it('records that the published class sealed are opened by the module that --decrypt names', async () => {
  const { encrypt, decrypt } = encryptionHooks('s3cr3t of the hooks')
  const old = new PublishedOAuthDb({ redis: server.url, encrypt, decrypt })
  await old.saveAccessToken('alice', '', TOKEN)
  await old.close()
  const file = join(directory, 'decrypt.mjs')
  const hooks = new URL('../../support/databases/encryption-hooks.mjs', import.meta.url)
  writeFileSync(
    file,
    `import { encryptionHooks } from '${hooks}'\nexport default encryptionHooks('s3cr3t of the hooks').decrypt\n`,
  )
  const { code, stdout, stderr } = await run(['migrate', '--decrypt', file], { env: to })
  expect([code, stdout]).toEqual([0, '1 added, 0 were there, 0 left out\n'])
  expect(stderr).not.toContain('s3cr3t')
  expect(await tokenOfAlice(to)).toMatchObject(TOKEN)
  const other = join(directory, 'other.mjs')
  writeFileSync(other, "export default 'no function'\n")
  expect(await run(['migrate', '--decrypt', other], { env: to })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      '--decrypt must name a module whose default export is a function',
    ),
  })
})

it('a record of the published class that is left out is named, with nothing of what it holds', async () => {
  const record = { resource_url: '', encrypted_access_token: 's3cr3t' }
  await server.cli('SET', 'oauth:access_token:bob:\u001b[2J', JSON.stringify(record))
  const { code, stderr } = await run(['migrate'], { env: to })
  expect(code).toBe(1)
  expect(stderr).toContain('oauth:access_token:bob:\\u001b[2J: ambiguous')
  expect(stderr).not.toContain('s3cr3t')
})

it('plain secrets are imported only where that is said', async () => {
  await fill(from)
  const file = join(directory, 'plain.ndjson')
  await run(['export', '--plain', '--out', file], { env: from })
  const refused = await run(['import', file], { env: to })
  expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--plain') })
  expect(refused.stderr).not.toContain('s3cr3t')
  expect(await tokenOfAlice(to)).toBeNull()
})

it('an export whose disk is full ends with 1, also where only its last line has no room', async () => {
  const bytes = async (token: string): Promise<number> => {
    await withDatabase(from, (db) => db.storeToken('a', token))
    return (await run(['export', '--plain'], { env: from })).stdout.length
  }
  const most = 10_240
  expect(await bytes('x'.repeat(most + 5 - (await bytes('x')) + 1))).toBe(most + 5)
  const file = join(directory, 'cut.ndjson')
  const { status, stderr } = spawnSync(
    'sh',
    [
      '-c',
      `ulimit -f ${most / 512}; exec '${process.execPath}' '${PROGRAM}' export --plain --out '${file}'`,
    ],
    { env: { ...from, PATH: process.env.PATH }, encoding: 'utf8' },
  )
  expect(readFileSync(file)).toHaveLength(most)
  expect(status).toBe(1)
  expect(stderr).toContain(`--out ${file} is not whole (Error EFBIG)`)
})

it('an interrupted import does not wait for more of its input', async () => {
  await withDatabase(from, (db) => db.storeToken('a', SECRET))
  const [header, record] = (await run(['export', '--plain'], { env: from })).stdout.split('\n')
  const child = spawn(process.execPath, [PROGRAM, 'import', '-', '--plain'], {
    env: to,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const code = new Promise((resolve) => child.once('exit', resolve))
  child.stdin.write(`${header}\n${record}\n`)
  await eventually(async () => (await server.cli('EXISTS', 'to:a')) === 1, { withinMs: 10_000 })
  child.kill('SIGTERM')
  expect(await code).toBe(130)
})

it('what is no export is told by its code', async () => {
  const file = join(directory, 'other.txt')
  writeFileSync(file, 'something else\n')
  const { code, stderr } = await run(['import', file, '--plain'], { env: to })
  expect(code).toBe(1)
  expect(stderr).toContain('INVALID_ENTRY')
  const unread = await run(['import', directory, '--plain'], { env: to })
  expect(unread).toMatchObject({ code: 1, stderr: expect.stringContaining('Cause: Error EISDIR') })
})
