import { monitorEventLoopDelay } from 'node:perf_hooks'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { RedisOAuthDatabase, RedisOAuthDatabaseError } from '../../../src/index.js'
import { CALLS, fill, keysOf } from '../operations/every-method.js'
import { oneOf, randomFrom } from '../random.js'
import { HONEST, HostileRedis } from './hostile-redis.js'
import { LIES, type LieName } from './lies.js'
import { Misplaced, ownSteps, SECRET, type Step, secretOf } from './own-steps.js'

const CALL_LIMIT_MS = 40_000
const COMMAND_TIMEOUT_MS = 150
/** Of attempts on which a bare client was served in time and this process never stood still: else it is the machine that is busy. */
const MAX_FAILED_RECOVERIES = 50
const STANDSTILL_NS = (COMMAND_TIMEOUT_MS / 3) * 1e6
const RECOVERY_LIMIT_MS = 30_000
/** Far more than the calls of a round need when each is tried as often as is allowed. */
const MAX_COMMANDS = 100_000
const CALLS_IN_ROUND = 24
const PASSWORD = 'secret:of-the-server'
/** With these, a call ends while its command can still be answered. */
const EARLY_ENDS: ReadonlySet<string> = new Set([
  'TIMEOUT',
  'OUTCOME_UNKNOWN',
  'CONNECTION_TIMEOUT',
])

export interface RoundReport {
  readonly findings: string[]
  readonly calls: number
  readonly commands: number
  readonly lies: number
  readonly slowest: { readonly method: string; readonly ms: number }
}

/** One database against one server that lies by this seed: calls of every kind, and what is found wrong with them. */
export class Round {
  readonly #seed: number
  readonly #random: () => number
  readonly #findings: string[] = []
  readonly #isSealed: boolean
  #calls = 0
  /** In a round of plain records: whether a command of a call that ended before its answer came can still be under way. */
  #mayBeOutOfStep = false
  #slowest = { method: '', ms: 0 }

  constructor(seed: number) {
    this.#seed = seed
    this.#random = randomFrom(seed)
    this.#isSealed = this.#random() < 0.4
  }

  async run(target: { path: string }): Promise<RoundReport> {
    const server = await HostileRedis.start(target, this.#random)
    const { host, port } = server
    const db = new RedisOAuthDatabase({
      host,
      port,
      password: PASSWORD,
      keyPrefix: `round:${this.#seed}:`,
      connectionTimeout: 300,
      commandTimeout: COMMAND_TIMEOUT_MS,
      retryDelayOnFailover: 5,
      ...(this.#isSealed && { encryption: { keys: [{ id: 'a', key: KEY }] } }),
      ...(this.#random() < 0.4 && { cache: true }),
      ...(this.#random() < 0.2 && { durability: { replicas: 1, timeoutMs: 100 } }),
    })
    try {
      await this.#prepare(db)
      server.hostility = { share: oneOf(this.#random, [0.05, 0.3, 1]), lies: this.#lies() }
      await this.#call(db)
      server.hostility = HONEST
      await this.#recover(db, server)
    } finally {
      await this.#settled('close', db.close())
      await server.stop()
    }
    if (server.commands > MAX_COMMANDS) this.#find(`${server.commands} commands were sent`)
    return {
      findings: this.#findings,
      calls: this.#calls,
      commands: server.commands,
      lies: server.lies,
      slowest: this.#slowest,
    }
  }

  async #prepare(db: RedisOAuthDatabase): Promise<void> {
    // Without a replica nothing is durable, and all the same it is written.
    await fill(db, keysOf(3)).catch(() => {})
    for (const i of [0, 1, 2]) {
      const { storeToken, saveAccessToken, saveClientCredentials, savePKCEValues } = ownSteps(i)
      for (const step of [storeToken, saveAccessToken, saveClientCredentials, savePKCEValues]) {
        await step?.(db).catch(() => {})
      }
    }
  }

  /** Some kinds at once, or one alone, so that each is met by itself as well. */
  #lies(): LieName[] {
    const names = Object.keys(LIES) as LieName[]
    if (this.#random() < 0.5) return [oneOf(this.#random, names)]
    return names.filter(() => this.#random() < 0.5).concat(oneOf(this.#random, names))
  }

  /** In plain records nothing says whose they are, and in RESP2 nothing says what a reply answers: there, one call at a time, until one ends before its answer. */
  async #call(db: RedisOAuthDatabase): Promise<void> {
    const pending: Promise<void>[] = []
    for (let i = 0; i < CALLS_IN_ROUND; i += 1) {
      const [method, step] = this.#step()
      const settled = this.#check(method, step(db))
      if (this.#isSealed) pending.push(settled)
      else await settled
    }
    await Promise.all(pending)
  }

  #step(): [method: string, step: Step] {
    const steps: readonly (readonly [string, Step])[] =
      this.#random() < 0.5
        ? Object.entries(ownSteps(Math.floor(this.#random() * 3), this.#isSealed))
        : Object.entries(CALLS).map(([name, call]) => [name, (db) => call(db, keysOf(3))] as const)
    const [method, step] = oneOf(this.#random, steps)
    return [method, step]
  }

  async #check(method: string, calling: Promise<unknown>): Promise<void> {
    this.#calls += 1
    const error = await this.#settled(method, calling)
    if (error === undefined) return
    if (error instanceof Misplaced) {
      if (!this.#mayBeOutOfStep) this.#find(`${method} answered with ${error.message}`)
    } else if (!(error instanceof RedisOAuthDatabaseError)) {
      this.#find(`${method} failed by ${inspect(error)}`)
    } else if (shownBy(error).includes(SECRET)) {
      this.#find(`${method} shows a secret: ${shownBy(error)}`)
    } else if (!this.#isSealed) {
      this.#mayBeOutOfStep ||= EARLY_ENDS.has(error.code)
    }
  }

  /** Why it failed; undefined: it did not. */
  async #settled(method: string, calling: Promise<unknown>): Promise<unknown> {
    const startedAt = performance.now()
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#find(`${method} did not end within ${CALL_LIMIT_MS} ms`)
        resolve()
      }, CALL_LIMIT_MS)
    })
    const error = await Promise.race([
      limit,
      calling.then(
        () => undefined,
        (reason) => reason,
      ),
    ])
    clearTimeout(timer)
    const ms = Math.round(performance.now() - startedAt)
    if (ms > this.#slowest.ms) this.#slowest = { method, ms }
    return error
  }

  /** The server is honest again: the database works, and has kept no lie. */
  async #recover(db: RedisOAuthDatabase, server: HostileRedis): Promise<void> {
    const deadline = performance.now() + RECOVERY_LIMIT_MS
    const before = server.connections
    let attempts = 0
    let failures = 0
    const delay = monitorEventLoopDelay()
    delay.enable()
    for (;;) {
      attempts += 1
      delay.reset()
      const isServed = servesInTime(server)
      const error = await useOnce(db)
      if (error === undefined) break
      if ((await isServed) && delay.max < STANDSTILL_NS) failures += 1
      if (failures >= MAX_FAILED_RECOVERIES && performance.now() > deadline) {
        delay.disable()
        const own = server.connections - before - attempts
        this.#find(
          `does not work after ${attempts} attempts, ${failures} of them in time, and ${own} connections: ${inspect(error)}`,
        )
        return
      }
    }
    delay.disable()
    // What was stored last was read back: replies and commands are in step.
    this.#mayBeOutOfStep = false
    for (const i of [0, 1, 2]) {
      for (const [method, step] of Object.entries(ownSteps(i))) {
        if (method.startsWith('get')) await this.#check(method, step(db))
      }
    }
  }

  #find(what: string): void {
    this.#findings.push(`seed ${this.#seed}: ${what}`)
  }
}

const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7))

/** Why it does not work; undefined: it does. */
async function useOnce(db: RedisOAuthDatabase): Promise<unknown> {
  const { getToken, storeToken } = ownSteps(9)
  try {
    await storeToken?.(db).catch((error) => {
      if (error.code !== 'NOT_DURABLE') throw error
    })
    const token = await getToken?.(db)
    return token === secretOf('9') ? undefined : new Error(`reads ${inspect(token)}`)
  } catch (error) {
    return error
  }
}

/** Whether a bare client is let in and answered within a command's time. */
async function servesInTime({ host, port }: HostileRedis): Promise<boolean> {
  const startedAt = performance.now()
  const redis = new Redis({ host, port, password: PASSWORD, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.ping()
    return performance.now() - startedAt < COMMAND_TIMEOUT_MS
  } catch {
    return false
  } finally {
    redis.disconnect()
  }
}

/** All that a program could print of an error. */
function shownBy(error: unknown): string {
  const { stack, cause } = error as { stack?: string; cause?: { stack?: string } }
  return [
    String(error),
    stack,
    cause?.stack,
    JSON.stringify(error),
    JSON.stringify(cause),
    inspect(error, { depth: 10, showHidden: true, maxStringLength: null }),
  ].join('\n')
}
