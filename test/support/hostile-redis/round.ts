import { monitorEventLoopDelay } from 'node:perf_hooks'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { RedisOAuthDatabase, RedisOAuthDatabaseError } from '../../../src/index.js'
import { CALLS, fill, keysOf } from '../operations/every-method.js'
import { oneOf, randomFrom } from '../random.js'
import { HONEST, HostileRedis } from './hostile-redis.js'
import { LIES, type LieName } from './lies.js'

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
/** What is stored says what it is stored as, and begins so. Nothing else does. */
const SECRET = 'secret:'
const ISSUER = 'https://issuer.example'

export interface RoundReport {
  readonly findings: string[]
  readonly calls: number
  readonly commands: number
  readonly lies: number
  readonly slowest: { readonly method: string; readonly ms: number }
}

type Step = (db: RedisOAuthDatabase) => Promise<unknown>

const secretOf = (place: string): string => `${SECRET}${place}.`

/** Whether it is nothing that is stored in another place. */
function belongsTo(place: string, value: unknown): boolean {
  return inspect(value, { depth: 10, maxStringLength: null })
    .split(SECRET)
    .slice(1)
    .every((rest) => rest.startsWith(`${place}.`))
}

class Misplaced extends Error {}

async function placed<T>(place: string, reading: Promise<T>): Promise<T> {
  const value = await reading
  if (!belongsTo(place, value)) throw new Misplaced(`what is not of ${place}: ${inspect(value)}`)
  return value
}

/** Reads and writes whose answers say whose they are. Of plain records only those that send one command at a time. */
function ownSteps(i: number, isSealed = false): { readonly [method: string]: Step } {
  const [key, user, state, url, server] = [
    `k${i}`,
    `u${i}`,
    `s${i}`,
    `https://${i}/`,
    `${ISSUER}/${i}`,
  ]
  const secret = secretOf(String(i))
  const client = { clientId: `id${i}`, clientSecret: secret, redirectUri: url }
  const values = { codeVerifier: secret, codeChallenge: 'c', resourceUrl: url, url }
  const token = { accessToken: secret, refreshToken: `${secret}refresh`, resourceUrl: url }
  const at = String(i)
  return {
    storeToken: (db) => db.storeToken(key, secret),
    getToken: (db) => placed(at, db.getToken(key)),
    getTokens: async (db) => {
      const tokens = await db.getTokens([key, `k${i + 1}`])
      if (!isSealed) return
      for (const [name, value] of tokens) await placed(name.slice(1), Promise.resolve(value))
    },
    saveAccessToken: (db) => db.saveAccessToken(user, url, token),
    getAccessToken: (db) => placed(at, db.getAccessToken(user, url)),
    listAccessTokens: (db) => placed(at, db.listAccessTokens(user)),
    saveClientCredentials: (db) => db.saveClientCredentials(server, client),
    getClientCredentials: (db) => placed(at, db.getClientCredentials(server)),
    savePKCEValues: (db) => db.savePKCEValues(user, state, values),
    getPKCEValues: (db) => placed(at, db.getPKCEValues(user, state)),
    coordinatedFetch: async (db) => {
      await db.getAccessToken(user, url)
      const renewed = { access_token: `${secret}new`, refresh_token: `${secret}refresh` }
      const body = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: `${secret}refresh`,
        client_id: `id${i}`,
      })
      const fetch = db.coordinatedFetch(async () => Response.json(renewed))
      const answer = await fetch(`${ISSUER}/token`, { method: 'POST', body })
      return placed(at, answer.text())
    },
  }
}

/** One database against one server that lies by this seed: calls of every kind, and what is found wrong with them. */
export class Round {
  readonly #seed: number
  readonly #random: () => number
  readonly #findings: string[] = []
  readonly #isSealed: boolean
  #calls = 0
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

  /** In plain records nothing says whose they are, and in RESP2 nothing says what a reply answers: there, one call at a time. */
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
      this.#find(`${method} answered with ${error.message}`)
    } else if (!(error instanceof RedisOAuthDatabaseError)) {
      this.#find(`${method} failed by ${inspect(error)}`)
    } else if (shownBy(error).includes(SECRET)) {
      this.#find(`${method} shows a secret: ${shownBy(error)}`)
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
