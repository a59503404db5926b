import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from './cleanup.mjs'
import { root, run } from './command.mjs'

const VITEST = join(root, 'node_modules/.bin/vitest')
const REPORTERS = ['default', './scripts/count-reporter.mjs'].map((name) => `--reporter=${name}`)

/**
 * Runs tests and counts them.
 * @param args - as `vitest run` takes them
 * @param options.onCount - called with the counts after each test
 * @param options.isLong - whether they may take longer than any step of `npm test`
 * @returns `{ code, output, counts }`
 */
export async function vitest(args, { env = {}, onCount = () => {}, isLong = false } = {}) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  // A run that is stopped leaves its temporary files; so they have a folder that goes with it.
  const temporary = await temporaryFolder()
  const { code, output } = await run(VITEST, ['run', ...args, ...REPORTERS], {
    isLong,
    env: { NODE_OPTIONS: '', TMPDIR: temporary, ...env },
    onMessage: (state) => {
      counts[state] += 1
      onCount(counts)
    },
  })
  await rm(temporary, { recursive: true, force: true })
  return { code, output, counts }
}
