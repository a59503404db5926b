import { cleanUpLater } from './cleanup.mjs'
import { installDownloads, installNodeModules, installRedis } from './install.mjs'
import { runScript, wordsAmong } from './run-script.mjs'
import { steps } from './steps.mjs'
import {
  bold,
  box,
  count,
  dim,
  duration,
  green,
  isLive,
  overwrite,
  print,
  red,
  settle,
  showCursor,
  spinner,
  yellow,
} from './terminal.mjs'

const USAGE = `npm test                      runs every check but the site
npm test -- unit lint         runs the named ones, and what they need
npm test -- servers           runs other servers of Debian's suites in full, in 12 minutes at most
npm test -- --verbose         shows what each printed, also when it passed

${steps.map(({ name, says }) => `  ${name.padEnd(10)}${says}`).join('\n')}`

const NEED_REDIS = ['redis', 'oldest', 'fleet', 'faults', 'package', 'examples']
const NAME_WIDTH = 10
const SAYS_WIDTH = 40

async function main({ verbose: isVerbose }, names) {
  const chosen = chooseSteps(names)
  const started = Date.now()
  showCursor(false)
  cleanUpLater(() => showCursor(true))

  await installNodeModules()
  const context = { named: names }
  if (chosen.some(({ name }) => NEED_REDIS.includes(name))) {
    context.redisServer = await installRedis()
    process.env.REDIS_SERVER_BIN = context.redisServer
  }
  if (chosen.some(({ name }) => name === 'package')) await installDownloads()

  print(`\n${bold('@atxp/redis')} ${dim(`on Node ${process.versions.node}`)}\n`)
  const outcomes = []
  for (const step of chosen) outcomes.push(await runStep(step, outcomes, context, isVerbose))
  summarize(outcomes, Date.now() - started)
}

function chooseSteps(names) {
  if (names.length === 0) return steps.filter(({ isNamedOnly }) => !isNamedOnly)
  const known = steps.map(({ name }) => name)
  const wanted = new Set(wordsAmong(known, names, 'step'))
  for (const { name, needs = [] } of steps) {
    if (wanted.has(name)) for (const need of needs) wanted.add(need)
  }
  return steps.filter(({ name }) => wanted.has(name))
}

async function runStep(step, outcomes, context, isVerbose) {
  const title = `${step.name.padEnd(NAME_WIDTH)}${dim(step.says.padEnd(SAYS_WIDTH))}`
  const broken = step.needs?.find((need) => outcomes.some((one) => one.name === need && one.failed))
  if (broken !== undefined) {
    print(`${yellow('–')} ${title}${dim(`not run: ${broken} failed`)}`)
    return { name: step.name, passed: 0, failed: 0, skipped: 0, isLeftOut: true }
  }

  const started = Date.now()
  let progress = ''
  const timer = setInterval(() => {
    overwrite(`${spinner()} ${title}${duration(Date.now() - started).padStart(9)}  ${progress}`)
  }, 80)
  const { output, ...outcome } = await measure(step, context, (text) => {
    progress = text
  }).finally(() => clearInterval(timer))

  const mark = outcome.failed ? red('✗') : green('✓')
  const time = duration(Date.now() - started).padStart(9)
  settle(`${mark} ${title}${time}${dim(describeCounts(outcome))}`)
  if (outcome.failed || isVerbose || step.isShown) print(`\n${output.trimEnd()}\n`)
  return outcome
}

/** A step without tests of its own counts as one; tests that all passed in a run that failed do as well. */
async function measure({ name, work }, context, report) {
  try {
    const { code, output, counts, note } = await work(report, context)
    const { passed, failed, skipped } = counts ?? {
      passed: code === 0 ? 1 : 0,
      failed: 0,
      skipped: 0,
    }
    const isBroken = code !== 0 && failed === 0
    return {
      name,
      output,
      passed,
      failed: isBroken ? 1 : failed,
      skipped,
      hasTests: !!counts,
      note,
    }
  } catch (error) {
    const output = error.isExpected ? error.message : error.stack
    return { name, output, passed: 0, failed: 1, skipped: 0, hasTests: false }
  }
}

function describeCounts({ hasTests, passed, failed, skipped, note }) {
  if (!hasTests) return ''
  const parts = [`${count(passed + failed)} tests`]
  if (failed > 0) parts.push(`${failed} failed`)
  if (skipped > 0) parts.push(`${skipped} skipped`)
  return `  ${parts.join(', ')}${note === undefined ? '' : `: ${note}`}`
}

function summarize(outcomes, elapsedMs) {
  const sum = (key) => outcomes.reduce((total, outcome) => total + outcome[key], 0)
  const bad = outcomes.filter(({ failed, isLeftOut }) => failed || isLeftOut)
  const names = bad.map(({ name }) => name).join(', ')
  const lines =
    bad.length === 0
      ? [bold(green('All is well.')), `${outcomes.length} steps in ${duration(elapsedMs)}`]
      : [bold(red(`Not well: ${names}`)), `Again, alone: npm test -- ${names.replaceAll(',', '')}`]
  if (sum('skipped') > 0) lines.push(yellow(`${count(sum('skipped'))} tests were skipped`))
  print(`\n${isLive ? box(lines, bad.length === 0 ? green : red) : lines.join('\n')}\n`)
  print(`${sum('passed')} passed, ${sum('failed')} failed`)
  if (bad.length > 0) process.exitCode = 1
}

await runScript({
  usage: USAGE,
  options: { verbose: { type: 'boolean', default: false } },
  allowPositionals: true,
  main,
})
