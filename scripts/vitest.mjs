import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanUpLater } from './cleanup.mjs'
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
  // A run that is stopped leaves its temporary files; so they have a folder that goes with it.
  const temporary = await mkdtemp(join(tmpdir(), 'atxp-redis-'))
  const remove = () => rm(temporary, { recursive: true, force: true })
  cleanUpLater(remove)
  const { code, output } = await run(VITEST, ['run', ...args, ...REPORTERS], {
    env: { NODE_OPTIONS: '', TMPDIR: temporary, ...env },
    onMessage: (state) => {
      counts[state] += 1
      onCount(counts)
    },
  })
  await remove()
  return { code, output, counts }
}
