// What metrics cost a read that asks Redis, and what it costs to have them and not to start them.
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installRedis } from '../scripts/install.mjs'
import { startPrivateRedis } from '../scripts/private-redis.mjs'
import { numberAbove0, runScript } from '../scripts/run-script.mjs'
import { Worker } from './load/worker.mjs'
import { summarize, summarizeRatios } from './stats.mjs'

const USAGE = `node bench/metrics-cost.mjs      uncached reads with metrics beside reads without

  --rounds 40      how often each is measured (30)
  --seconds 1      how long each measurement takes (0.5)
  --callers 64     who read at once (64)
  --before DIST    the build of a version without metrics, to be measured as well

"off, again" is a second process like "off": how far the two are apart is the scatter. Metrics are without spans and without
OpenTelemetry's SDK. It tests the dist that is there: npm run build.`

const BUILD = fileURLToPath(new URL('../dist', import.meta.url))

async function main(values) {
  const rounds = numberAbove0('--rounds', values.rounds)
  const ms = numberAbove0('--seconds', values.seconds) * 1_000
  const callers = numberAbove0('--callers', values.callers)
  const { url } = await startPrivateRedis(await installRedis())
  const cases = {
    off: { build: BUILD, counts: false },
    'off, again': { build: BUILD, counts: false },
    on: { build: BUILD, counts: true },
    ...(values.before && { before: { build: resolve(values.before), counts: false } }),
  }
  const workers = new Map(Object.keys(cases).map((name) => [name, new Worker('counted-reads')]))
  for (const [name, worker] of workers) await worker.call('open', { url, ...cases[name] })
  const measured = await alternate(workers, rounds, { callers, ms })
  const off = measured.get('off')
  for (const [name, results] of measured) console.log(rowOf(name, results, off))
  for (const worker of workers.values()) await worker.call('close')
}

/** Each once a round, in turning order, so that no disturbance falls on one alone. The first two rounds do not count. */
async function alternate(workers, rounds, load) {
  const names = [...workers.keys()]
  const measured = new Map(names.map((name) => [name, []]))
  for (let round = -2; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const result = await workers.get(name).call('read', load)
      if (round >= 0) measured.get(name).push(result)
    }
  }
  return measured
}

function rowOf(name, results, off) {
  const of = (all, metric) => all.map((one) => one[metric])
  const ratio = (metric) => {
    const { median, min, max } = summarizeRatios(of(results, metric), of(off, metric))
    return `${median.toFixed(3)} (${min.toFixed(3)} to ${max.toFixed(3)})`
  }
  const rate = summarize(of(results, 'perSecond')).median.toFixed(0)
  const cpu = summarize(of(results, 'cpuMicros')).median.toFixed(2)
  return `${name.padEnd(11)} ${rate.padStart(8)} reads/s, beside off ${ratio('perSecond')}; ${cpu} us of CPU a read, beside off ${ratio('cpuMicros')}`
}

await runScript({
  usage: USAGE,
  options: {
    rounds: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '0.5' },
    callers: { type: 'string', default: '64' },
    before: { type: 'string' },
  },
  main,
})
