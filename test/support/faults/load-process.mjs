// One of the processes of `load.ts`: a database of its own, in use without a pause, and a record of every call.
import { subscribe } from 'node:diagnostics_channel'
import dns from 'node:dns'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CHANNELS, RedisOAuthDatabase } from '@atxp/redis'
import { prometheusText, startMetrics } from '@atxp/redis/metrics'
import { serve } from '../processes/process-child.mjs'

const OWN_KEYS = 8
const READERS = 4
const PAUSE_MS = 8
/** Calls in a row that must end well before a loop counts as well. */
const WELL_STREAK = 3
/** Some three seconds. */
const MOMENTS = 400
const HOUR_MS = 3_600_000
const MAY_HAVE_HAPPENED = ['OUTCOME_UNKNOWN', 'NOT_DURABLE']
const URL_OF_RECORDS = 'https://server.example/mcp'

/** @type {RedisOAuthDatabase} */
let db
/** @type {Load} */
let load
/** @type {string[]} */
let resourcesBefore
/** @type {string[]} */
const warnings = []
process.on('warning', ({ message }) => warnings.push(message))

/** Reads that the near cache has answered: each does so before the call returns. */
let hits = 0
subscribe(CHANNELS.cache, (message) => {
  if (/** @type {import('@atxp/redis').CacheEvent} */ (message).event === 'hit') hits += 1
})

// Where a name leads is taken over here: so a name can go, and come back.
const { lookup } = dns
/** @type {Map<string, string | null>} */
const names = new Map()
dns.lookup = /** @type {any} */ (
  (/** @type {string} */ name, /** @type {any} */ options, /** @type {any} */ done) => {
    const address = names.get(name)
    if (address === undefined) return lookup(name, options, done)
    const callback = typeof options === 'function' ? options : done
    if (address === null) {
      const error = new Error(`getaddrinfo ENOTFOUND ${name}`)
      process.nextTick(
        callback,
        Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo' }),
      )
    } else if (options.all) process.nextTick(callback, null, [{ address, family: 4 }])
    else process.nextTick(callback, null, address, 4)
  }
)

// What `--expose-gc` gives.
setFlagsFromString('--expose-gc')
/** @type {() => void} */
const collectGarbage = runInNewContext('gc')

/** On one clock for all processes, and not the one that tests shift. */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6

/** @type {(pauseMs?: number) => Promise<void>} */
const pause = (pauseMs = PAUSE_MS) =>
  new Promise((resolve) => {
    if (pauseMs === 0) setImmediate(resolve)
    else setTimeout(resolve, pauseMs * (0.5 + Math.random()))
  })

serve({
  /** @param {string} name @param {string | null} address */
  setName: (name, address) => void names.set(name, address),

  now: () => Date.now(),

  /** @param {import('@atxp/redis').RedisOAuthDatabaseOptions} options */
  async open(options) {
    startMetrics()
    resourcesBefore = resources()
    db = new RedisOAuthDatabase(options)
    await db.ping()
  },

  /** @param {number} index @param {number} processes @param {number} [pauseMs] between two calls of a loop */
  start(index, processes, pauseMs) {
    load = new Load(index, processes, pauseMs)
  },

  /** What has been done since this was last asked. */
  take: () => load.take(),

  /** Bytes in use once all garbage is gone. */
  heapBytes() {
    collectGarbage()
    return process.memoryUsage().heapUsed
  },

  calls: () => load.ended,
  metrics: () => prometheusText(),
  isWell: () => load.isWell(),
  mended: () => load.mended(),
  stop: () => load.stop(),

  /** Closes the database and tells what is left of it. */
  async close() {
    await db.close()
    // What ends by itself in a moment is no leak: ioredis has timers for sockets that do not close, of 2 s at most.
    for (let i = 0; i < MOMENTS && resources().length > resourcesBefore.length; i += 1)
      await pause()
    return { resourcesBefore, resourcesAfter: resources(), warnings }
  },

  /** @param {string} method @param {unknown[]} args */
  call: (method, ...args) => /** @type {any} */ (db)[method](...args),
})

/** What keeps a process alive, as Node names it. */
function resources() {
  return process.getActiveResourcesInfo().sort()
}

/** The text that a writer stores under `number`: of many sizes, so that a part of another would show. */
function textOf(/** @type {string} */ key, /** @type {number} */ number) {
  return `${key}#${number}#${'x'.repeat((number * 37) % 900)}`
}

/** @returns {number | null | undefined} null for nothing, undefined for what nobody has written */
function numberIn(/** @type {string} */ key, /** @type {string | null | undefined} */ text) {
  if (text === null) return null
  const number = Number(text?.split('#')[1])
  return Number.isInteger(number) && text === textOf(key, number) ? number : undefined
}

/** Tokens and access tokens, called alike. */
const KINDS = {
  token: {
    store: (/** @type {string} */ key, /** @type {number} */ number) =>
      number % 2 === 0
        ? db.storeToken(key, textOf(key, number))
        : db.storeToken(key, textOf(key, number), new Date(Date.now() + HOUR_MS)),
    read: async (/** @type {string} */ key) => numberIn(key, await db.getToken(key)),
    delete: (/** @type {string} */ key) => db.deleteToken(key),
  },
  access: {
    store: (/** @type {string} */ key, /** @type {number} */ number) =>
      db.saveAccessToken(key, URL_OF_RECORDS, {
        accessToken: textOf(key, number),
        refreshToken: `refresh#${number}`,
        expiresAt: Math.floor((Date.now() + HOUR_MS) / 1000),
        resourceUrl: URL_OF_RECORDS,
      }),
    async read(/** @type {string} */ key) {
      const record = await db.getAccessToken(key, URL_OF_RECORDS)
      if (record === null) return null
      const number = numberIn(key, record.accessToken)
      return record.refreshToken === `refresh#${number}` ? number : undefined
    },
    delete: (/** @type {string} */ key) => db.deleteAccessToken(key, URL_OF_RECORDS),
  },
}

const kindOf = (/** @type {string} */ key) => (key.startsWith('token') ? KINDS.token : KINDS.access)

/** @returns {string[]} */
function keysOf(/** @type {number} */ index) {
  return Array.from(
    { length: OWN_KEYS },
    (_, i) => `${i % 2 === 0 ? 'token' : 'access'}-${index}-${i}`,
  )
}

class Load {
  /** @type {import('./history.js').Call[]} */
  calls = []
  /** @type {import('./history.js').Login[]} */
  logins = []
  /** @type {import('./history.js').Turn[]} */
  turns = []
  started = 0
  ended = 0
  isRunning = true
  epoch = 0
  /** How many calls of each loop ended well in a row. @type {number[]} */
  streaks = []
  lag = monitorEventLoopDelay({ resolution: 5 })

  /**
   * @param {number} index
   * @param {number} processes
   * @param {number} [pauseMs]
   */
  constructor(index, processes, pauseMs) {
    this.index = index
    this.pauseMs = pauseMs
    this.lag.enable()
    const everyKey = Array.from({ length: processes }, (_, i) => keysOf(i)).flat()
    this.loops = [
      ...keysOf(index).map((key) => this.#write(key)),
      ...Array.from({ length: READERS }, () => this.#read(everyKey)),
      this.#logIn(),
      this.#takeTurns(),
    ]
  }

  /** From now on only what begins now counts for `isWell`. */
  mended() {
    this.epoch += 1
    this.streaks.fill(0)
  }

  isWell() {
    return this.streaks.every((streak) => streak >= WELL_STREAK)
  }

  take() {
    const { calls, logins, turns, started, ended } = this
    this.calls = []
    this.logins = []
    this.turns = []
    return { calls, logins, turns, started, ended, lagMs: this.lag.max / 1e6 }
  }

  async stop() {
    this.isRunning = false
    await Promise.all(this.loops)
    this.lag.disable()
    return this.take()
  }

  /** One loop: `step` makes a call and tells whether it went well. */
  async #repeat(/** @type {() => Promise<boolean>} */ step) {
    const loop = this.streaks.push(0) - 1
    while (this.isRunning) {
      const { epoch } = this
      const went = await step()
      if (epoch === this.epoch) this.streaks[loop] = went ? (this.streaks[loop] ?? 0) + 1 : 0
      await pause(this.pauseMs)
    }
  }

  /**
   * @param {Pick<import('./history.js').Call, 'key' | 'op' | 'number'>} about
   * @param {() => Promise<unknown>} act
   */
  async #record(about, act) {
    this.started += 1
    /** @type {import('./history.js').Call} */
    const call = { ...about, process: this.index, from: nowMs(), to: 0, outcome: 'ok' }
    try {
      const hitsBefore = hits
      const acting = act()
      if (hits > hitsBefore) call.isFromMemory = true
      const value = await acting
      if (about.op === 'delete') call.removed = /** @type {boolean} */ (value)
      if (about.op === 'read') {
        call.number = /** @type {number | null} */ (value ?? null)
        if (value === undefined) call.outcome = 'wrong'
      }
    } catch (error) {
      const { code, message } = /** @type {Error & { code?: string }} */ (error)
      call.outcome = MAY_HAVE_HAPPENED.includes(String(code)) ? 'unknown' : 'refused'
      call.code = code ?? message
    }
    call.to = nowMs()
    this.ended += 1
    this.calls.push(call)
    return call.outcome === 'ok'
  }

  /** One key has this one writer, whose numbers grow. */
  #write(/** @type {string} */ key) {
    const kind = kindOf(key)
    let number = 0
    return this.#repeat(() => {
      number += 1
      const op = number % 5 === 0 ? 'delete' : 'store'
      const act = () => (op === 'delete' ? kind.delete(key) : kind.store(key, number))
      return this.#record({ key, op, number }, act)
    })
  }

  #read(/** @type {string[]} */ keys) {
    return this.#repeat(() => {
      const key = keys[Math.floor(Math.random() * keys.length)] ?? ''
      return this.#record({ key, op: 'read', number: null }, () => kindOf(key).read(key))
    })
  }

  /** PKCE values are saved, read, and gone. */
  #logIn() {
    let number = 0
    return this.#repeat(async () => {
      number += 1
      const state = `state-${number}`
      const user = `user-${this.index}`
      const values = { codeVerifier: state, codeChallenge: 'c', resourceUrl: '', url: '' }
      /** @type {import('./history.js').Login} */
      const login = { from: nowMs(), to: 0, found: [] }
      try {
        await db.savePKCEValues(user, state, values)
        for (let i = 0; i < 2; i += 1) {
          const read = await db.getPKCEValues(user, state)
          login.found.push(read === null ? 'nothing' : read.codeVerifier === state ? 'it' : 'other')
        }
      } catch {
        // What was found so far has to be right all the same.
      }
      login.to = nowMs()
      this.logins.push(login)
      return login.found.length === 2
    })
  }

  /** All processes want the same turn; it also has each of them listen for publications. */
  async #takeTurns() {
    while (this.isRunning) {
      const work = async (/** @type {AbortSignal} */ signal) => {
        const from = nowMs()
        await pause()
        if (!signal.aborted) this.turns.push({ process: this.index, from, to: nowMs() })
      }
      const options = { recheck: async () => undefined, leaseMs: 2_000, waitMs: 2_000 }
      await db.singleFlight('turn', work, options).catch(() => undefined)
      await pause()
    }
  }
}
