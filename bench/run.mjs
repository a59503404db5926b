// The benchmark: this library beside others. `npm run bench -- --help`.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cleanUpLater, expectedError, runMain } from '../scripts/cleanup.mjs'
import { root, run } from '../scripts/command.mjs'
import { checkNodeVersion, installNodeModules, installRedis } from '../scripts/install.mjs'
import { print, showCursor } from '../scripts/terminal.mjs'
import { scenarioNames } from './scenarios/scenarios.mjs'

const USAGE = `npm run bench                      measures everything, in about half an hour, and writes docs/benchmarks.md
npm run bench -- latency bulk      only the named scenarios; of the others the page keeps what it says
npm run bench -- --seconds 2       how long each measurement takes (1)
npm run bench -- --rounds 9        how often each is repeated (5)
npm run bench -- --short           only whether all answers are right: little data, one round; writes to .cache/bench
npm run bench -- --draw            measures nothing; page and plots anew from docs/benchmarks.json

Scenarios: ${scenarioNames.join(', ')}`

const OPTIONS = {
  seconds: { type: 'string' },
  rounds: { type: 'string' },
  short: { type: 'boolean', default: false },
  draw: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
}

async function main() {
  const { values, positionals } = parseArguments()
  if (values.help) return print(USAGE)
  const isShort = values.short
  const directory = join(root, isShort ? '.cache/bench' : 'docs')
  const names = positionals.length === 0 ? scenarioNames : positionals
  const seconds = positive('--seconds', values.seconds ?? (isShort ? '0.02' : '1'))
  const rounds = positive('--rounds', values.rounds ?? (isShort ? '1' : '5'))

  showCursor(false)
  cleanUpLater(() => showCursor(true))
  checkNodeVersion()
  await installNodeModules()
  if (values.draw) return (await import('./report/page.mjs')).drawAgain(directory)
  const redisServer = await installRedis()
  await build()
  // Not earlier: it imports what has just been installed and built.
  const { measure } = await import('./measure.mjs')
  await measure({ names, directory, redisServer, seconds, rounds: Math.ceil(rounds), isShort })
}

function parseArguments() {
  try {
    const parsed = parseArgs({ options: OPTIONS, allowPositionals: true })
    const unknown = parsed.positionals.filter((name) => !scenarioNames.includes(name))
    if (unknown.length > 0) throw new Error(`No such scenario: ${unknown.join(', ')}`)
    return parsed
  } catch (error) {
    throw expectedError(`${error.message}\n\n${USAGE}`)
  }
}

function positive(option, text) {
  const number = Number(text)
  if (!(number > 0)) throw expectedError(`${option} takes a number above 0, not ${text}`)
  return number
}

async function build() {
  const { code, output } = await run(process.execPath, ['scripts/build.mjs'])
  if (code !== 0) throw expectedError(output)
}

await runMain(main)
