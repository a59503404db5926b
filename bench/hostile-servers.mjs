// Has a fleet meet servers that lie at random, for as long as asked for, and looks after each lie whether an honest server's
// records, registrations and users are as they were.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { numberAbove0, runScript } from '../scripts/run-script.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const USAGE = `node bench/hostile-servers.mjs      evil servers beside honest ones, at random, and everything looked at

  --seconds 3600   how long (60)
  --seed 1         which lies; a failed run says its own`

async function main(values) {
  const seconds = numberAbove0('--seconds', values.seconds)
  const seed = values.seed ? numberAbove0('--seed', values.seed) : Date.now() % 2 ** 31
  const vitest = spawn(
    process.execPath,
    [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      ...['run', '--project', 'fleet', 'test/fleet/hostile-servers.test.ts', '-t', 'at random'],
    ],
    {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...process.env, HOSTILE_SECONDS: String(seconds), HOSTILE_SEED: String(seed) },
    },
  )
  const [code] = await once(vitest, 'exit')
  process.exitCode = code ?? 1
}

await runScript({
  usage: USAGE,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
  },
  main,
})
