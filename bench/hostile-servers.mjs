// Has a fleet meet servers that lie at random, for as long as asked for, and looks after each lie whether an honest server's
// records, registrations and users are as they were.
import { numberAbove0, runScript } from '../scripts/run-script.mjs'
import { print } from '../scripts/terminal.mjs'
import { runTests } from './tests.mjs'

const USAGE = `node bench/hostile-servers.mjs      evil servers beside honest ones, at random, and everything looked at

  --seconds 3600   how long (60)
  --seed 1         which lies; a failed run says its own`

async function main(values) {
  const seconds = numberAbove0('--seconds', values.seconds)
  const seed = values.seed ? numberAbove0('--seed', values.seed) : Date.now() % 2 ** 31
  const { code, output } = await runTests(
    ['--project', 'fleet', 'test/fleet/hostile-servers.test.ts', '-t', 'at random'],
    { HOSTILE_SECONDS: String(seconds), HOSTILE_SEED: String(seed) },
  )
  print(output)
  process.exitCode = code
}

await runScript({
  usage: USAGE,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
  },
  main,
})
