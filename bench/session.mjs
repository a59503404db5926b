import { Redis } from 'ioredis'
import { cleanUpLater } from '../scripts/cleanup.mjs'
import { startPrivateRedis } from '../scripts/private-redis.mjs'
import {
  bar,
  bold,
  dim,
  duration,
  green,
  isLive,
  overwrite,
  print,
  settle,
} from '../scripts/terminal.mjs'

/**
 * Until the rate of a process stays. V8 compiles what has run often enough, and few calls under way run other code than many: a new
 * process with one caller reached its rate after 8,000 to 12,000 operations, with 4 or 16 callers after 10,000 to 24,000, and each of
 * four processes on two cores after 30,000. Each of the first thousand operations costs 2 to 7 times as much.
 */
const WARM_UP_OPERATIONS = 30_000

/** What one run of the benchmark has in common: how long, how often, on which server, and the progress that it shows. */
export class Session {
  #redisServer
  #pids = []
  #clients = []
  #title = ''
  /** Milliseconds of one measurement. */
  ms
  rounds
  /** Only to see that the answers are right. */
  isShort
  /** The titles of what alone is measured; all if undefined. */
  only

  constructor({ redisServer, seconds, rounds, isShort }) {
    this.#redisServer = redisServer
    this.ms = seconds * 1000
    this.rounds = rounds
    this.isShort = isShort
  }

  /** A size of data: the first, or in a short run the second. */
  size(full, short) {
    return this.isShort ? short : full
  }

  async startRedis() {
    const redis = await startPrivateRedis(this.#redisServer)
    this.#pids.push(redis.pid)
    return redis
  }

  /** A bare client for a look at what is stored; ends with the scenario, also when that fails. */
  connect(url) {
    const redis = new Redis(url)
    cleanUpLater(() => redis.disconnect())
    this.#clients.push(redis)
    return redis
  }

  /** Ends the servers of a scenario, which may hold a gigabyte. */
  end() {
    for (const client of this.#clients.splice(0)) client.disconnect()
    for (const pid of this.#pids.splice(0)) process.kill(pid)
  }

  begin(title) {
    this.#title = title
    print(`\n${bold(title)}`)
  }

  /**
   * Measures all names once a round, in turning order, so that no disturbance of the machine falls on one alone. A first
   * round, in which code is compiled and buffers grow, does not count.
   * @param measure - called with a name, and with how long: for `ms`, in the first round also for `atLeast` operations; gives the
   * numbers of one measurement
   * @param options.maxRounds - of what takes long
   * @returns the measurements of each name, one a round; undefined for what was not asked for
   */
  async alternate(
    title,
    names,
    measure,
    { isWarmUpNeeded = !this.isShort, maxRounds = Number.POSITIVE_INFINITY } = {},
  ) {
    if (this.only?.has(title) === false) return undefined
    const rounds = Math.min(this.rounds, maxRounds)
    const started = performance.now()
    const first = isWarmUpNeeded ? -1 : 0
    const results = new Map(names.map((name) => [name, []]))
    const total = names.length * (rounds - first)
    let done = 0
    for (let round = first; round < rounds; round += 1) {
      for (const name of round % 2 === 0 ? names : [...names].reverse()) {
        overwrite(`  ${bar(done / total, 20)}  ${title} ${dim(name)}`)
        const length = { ms: this.ms, ...(round < 0 && { atLeast: WARM_UP_OPERATIONS }) }
        const measured = await measure(name, length)
        if (round >= 0) results.get(name).push(measured)
        done += 1
      }
    }
    settle(`  ${green('✓')} ${title} ${dim(duration(performance.now() - started))}`)
    return results
  }

  /** Says what is being prepared, where a person watches. */
  prepare(text) {
    if (isLive) overwrite(`  ${dim(`${this.#title}: ${text} …`)}`)
  }
}
