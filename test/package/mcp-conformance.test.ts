import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { runIn } from './scratch.js'
import type { Runtime } from './tarball.global.js'

const CLIENT = fileURLToPath(new URL('../support/mcp-conformance/client.mjs', import.meta.url))
const SUITE = join(inject('modules'), '@modelcontextprotocol/conformance/dist/index.js')
/** The suite takes Node 22 and later. */
const node = inject('runtimes').find(
  ({ kind, version }) => kind === 'node' && Number.parseInt(version, 10) >= 22,
) as Runtime

/** Beside those of client credentials and of identity assertions, which no provider of a user's login takes part in. */
const SUITES = ['auth', 'backcompat', 'draft']

/** What the SDK passes with the provider in memory of its examples (`client.mjs v1 memory`). */
const PASSED = [
  'auth/metadata-default',
  'auth/metadata-var1',
  'auth/metadata-var2',
  'auth/metadata-var3',
  'auth/basic-cimd',
  'auth/scope-from-www-authenticate',
  'auth/scope-from-scopes-supported',
  'auth/scope-omitted-when-undefined',
  'auth/scope-step-up',
  'auth/scope-retry-limit',
  'auth/token-endpoint-auth-basic',
  'auth/token-endpoint-auth-post',
  'auth/token-endpoint-auth-none',
  'auth/pre-registration',
  'auth/2025-03-26-oauth-endpoint-fallback',
  'auth/resource-mismatch',
  'auth/offline-access-scope',
  'auth/offline-access-not-supported',
]
/** Version 2 refuses an issuer that differs from where its metadata stands, as RFC 8414 wants it. */
const PASSED_BY_V1 = 'auth/2025-03-26-oauth-metadata-backcompat'

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

async function passedBy(version: string): Promise<string[]> {
  const command = `${node.path} ${CLIENT} ${version} redis`
  const outputs = await Promise.all(
    SUITES.map(async (suite) => {
      const args = [SUITE, 'client', '--suite', suite, '--command', command]
      const { stdout } = await runIn(inject('scratch'), node.path, args, { REDIS_URL: redis.url })
      return stdout
    }),
  )
  return [...outputs.join('\n').matchAll(/^✓ (\S+): \d+ passed, 0 failed/gm)].map(
    ([, name = '']) => name,
  )
}

test.each([
  ['1', 'v1', [...PASSED, PASSED_BY_V1]],
  ['2', 'v2', PASSED],
])(
  'version %s of the MCP SDK passes with a provider in Redis what it passes with one in memory',
  async (_name, version, expected) => {
    expect((await passedBy(version)).sort()).toEqual([...expected].sort())
  },
)
