// The benchmark: this library beside others. `npm run bench -- --help`.
import { join } from 'node:path'
import { cleanUpLater, expectedError } from '../scripts/cleanup.mjs'
import { root, run } from '../scripts/command.mjs'
import { installNodeModules, installRedis } from '../scripts/install.mjs'
import { numberAbove0, runScript, wordsAmong } from '../scripts/run-script.mjs'
import { showCursor } from '../scripts/terminal.mjs'
import { scenarioNames } from './scenarios/scenarios.mjs'

const USAGE = `npm run bench                      measures everything, in about 50 minutes, and writes docs/benchmarks.md
npm run bench -- latency bulk      only the named scenarios; of the others the page keeps what it says
npm run bench -- --seconds 2       how long each measurement takes (0.3)
npm run bench -- --rounds 9        how often each is repeated (7)
npm run bench -- tail --missed     only what fell short of its target, in 21 rounds, which count from then on
npm run bench -- --quick           in three minutes the ratios that the README and the targets name; writes nothing
npm run bench -- --short           only whether all answers are right: little data, one round; writes to .cache/bench
npm run bench -- --draw            measures nothing; page and plots from bench/results/benchmarks.json
npm run bench -- --tables          measures nothing; prints all numbers, or those of the named scenarios

Scenarios: ${scenarioNames.join(', ')}`

const OPTIONS = {
  seconds: { type: 'string' },
  rounds: { type: 'string' },
  missed: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  short: { type: 'boolean', default: false },
  draw: { type: 'boolean', default: false },
  tables: { type: 'boolean', default: false },
}

async function main(values, positionals) {
  wordsAmong(scenarioNames, positionals, 'scenario')
  const { short: isShort, quick: isQuick, missed: isMissedOnly } = values
  const directory = isShort ? join(root, '.cache/bench') : root
  const names = positionals.length === 0 ? scenarioNames : positionals
  const [usualSeconds, usualRounds] = isShort
    ? ['0.02', '1']
    : isQuick
      ? ['0.33', '9']
      : ['0.3', isMissedOnly ? '21' : '7']
  const seconds = numberAbove0('--seconds', values.seconds ?? usualSeconds)
  const rounds = Math.ceil(numberAbove0('--rounds', values.rounds ?? usualRounds))

  showCursor(false)
  cleanUpLater(() => showCursor(true))
  await installNodeModules()
  if (values.draw) return (await import('./report/page.mjs')).drawAgain(directory)
  if (values.tables) return (await import('./measure.mjs')).showTables(directory, names)
  const redisServer = await installRedis()
  await build()
  // Not earlier: they import what has just been installed and built.
  const { measure } = await import('./measure.mjs')
  const { measureQuickly } = await import('./quick.mjs')
  if (isQuick) return measureQuickly({ redisServer, seconds, rounds, isShort })
  await measure({ names, directory, redisServer, seconds, rounds, isShort, isMissedOnly })
}

async function build() {
  const { code, output } = await run(process.execPath, ['scripts/build.mjs'])
  if (code !== 0) throw expectedError(output)
}

await runScript({ usage: USAGE, options: OPTIONS, allowPositionals: true, main })
