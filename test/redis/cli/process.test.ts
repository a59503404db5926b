import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { runProgram } from '../../support/cli/command-line.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const PROGRAM = fileURLToPath(new globalThis.URL('../../../dist/cli.js', import.meta.url))

let server: RedisServer
let db: RedisOAuthDatabase
let env: Record<string, string>
let directory: string

beforeAll(async () => {
  server = await startRedis()
  env = { REDIS_URL: server.url }
  db = new RedisOAuthDatabase({ url: server.url })
  directory = mkdtempSync(join(tmpdir(), 'atxp-redis-cli-'))
  const token = { accessToken: 'access', refreshToken: 'refresh', resourceUrl: '' }
  for (const user of ['alice', 'bob']) await db.saveAccessToken(user, '', token)
})

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await db?.close()
  await server?.stop()
})

describe('--config', () => {
  it('names a module that exports a database, which is closed', async () => {
    const file = join(directory, 'database.mjs')
    const dist = new globalThis.URL('../../../dist/index.js', import.meta.url).href
    writeFileSync(
      file,
      `import { RedisOAuthDatabase } from '${dist}'\nexport default new RedisOAuthDatabase({ url: process.env.REDIS_URL })\n`,
    )
    const { code, stdout } = await runProgram(['users', '--config', file], env)
    expect(code).toBe(0)
    expect(stdout.split('\n').sort()).toEqual(['', 'alice', 'bob'])
  })

  it('shows nothing of what a module throws', async () => {
    const file = join(directory, 'throws.mjs')
    writeFileSync(file, `throw new Error('the key is s3cr3t')\n`)
    const { code, stderr } = await runProgram(['users', '--config', file], env)
    expect(code).toBe(2)
    expect(stderr).toContain('cannot be loaded (Error)')
    expect(stderr).not.toContain('s3cr3t')
  })

  it('has its options called by their own names in errors', async () => {
    const file = join(directory, 'wrong.mjs')
    writeFileSync(file, `export default { url: 'http://u:s3cr3t@h' }\n`)
    const { code, stderr } = await runProgram(['users', '--config', file], env)
    expect(code).toBe(2)
    expect(stderr).toContain('options.url is not a Redis URL')
    expect(stderr).not.toContain('s3cr3t')
  })

  it('ends with 1 if it never comes to its end', async () => {
    const file = join(directory, 'endless.mjs')
    writeFileSync(file, 'export default await new Promise(() => {})\n')
    expect((await runProgram(['doctor', '--config', file], env)).code).toBe(1)
  })

  it('may be interrupted while it loads, and then nothing is done', async () => {
    const file = join(directory, 'slow.mjs')
    writeFileSync(
      file,
      `const timer = setInterval(() => {}, 1_000)
      const interrupted = new Promise((resolve) => process.once('SIGINT', resolve))
      process.kill(process.pid, 'SIGINT')
      await interrupted
      clearInterval(timer)
      export default { url: process.env.REDIS_URL }\n`,
    )
    const { code } = await runProgram(['revoke', 'alice', '--yes', '--config', file], env)
    expect(code).toBe(130)
    expect(await db.listAccessTokens('alice')).toHaveLength(1)
  })
})

it('a command goes on when nobody reads what it says of its progress', async () => {
  const command = `'${process.execPath}' '${PROGRAM}' users 2>&1 >'${join(directory, 'users')}'`
  const { stdout } = spawnSync('sh', ['-c', `exec 3>&1; { ${command}; echo $? >&3; } | :`], {
    env: { ...env, PATH: process.env.PATH },
    encoding: 'utf8',
  })
  expect(stdout).toBe('0\n')
  expect(readFileSync(join(directory, 'users'), 'utf8').split('\n').sort()).toEqual([
    '',
    'alice',
    'bob',
  ])
})
