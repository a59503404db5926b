import { join } from 'node:path'
import { root, run } from './command.mjs'

const VITEST = join(root, 'node_modules/.bin/vitest')
const REPORTERS = ['default', './scripts/count-reporter.mjs'].map((name) => `--reporter=${name}`)

/**
 * Runs tests and counts them.
 * @param args - as `vitest run` takes them
 * @param options.onCount - called with the counts after each test
 * @returns `{ code, output, counts }`
 */
export async function vitest(args, { env = {}, onCount = () => {} } = {}) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const { code, output } = await run(VITEST, ['run', ...args, ...REPORTERS], {
    env: { NODE_OPTIONS: '', ...env },
    onMessage: (state) => {
      counts[state] += 1
      onCount(counts)
    },
  })
  return { code, output, counts }
}
