import { installNodeModules, installRedis } from '../scripts/install.mjs'
import { vitest } from '../scripts/vitest.mjs'

/**
 * Runs tests on the server that `npm test` uses, for as long as they take.
 * @param {string[]} args - as `vitest run` takes them
 * @param {Record<string, string>} env
 * @returns `{ code, output }`
 */
export async function runTests(args, env) {
  await installNodeModules()
  const REDIS_SERVER_BIN = await installRedis()
  return vitest(args, { env: { REDIS_SERVER_BIN, ...env }, isLong: true })
}
