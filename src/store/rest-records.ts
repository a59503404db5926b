import { REST_MEMORY_MS, REST_MS, type Rest, type RestStore } from '../oauth/refresh/rests.js'
import type { Commands, KeyTime } from '../redis/commands.js'

/** Of rests, the first word of the record: then failures, the length in milliseconds, `rest` or `trial`, and the reason. */
const FORMAT = 1

/** With what was wrong. */
export interface NotedRest extends Rest {
  /** The HTTP status of the answer, or `no answer`. */
  readonly reason: string
}

/** Rests of authorization servers in Redis, by its own clock. */
export class RestRecords implements RestStore {
  readonly #commands: Commands
  readonly #keyOf: (name: string) => string

  constructor(commands: Commands, keyOf: (name: string) => string) {
    this.#commands = commands
    this.#keyOf = keyOf
  }

  look(name: string): Promise<NotedRest | null> {
    return this.enter(name, 0)
  }

  async enter(name: string, trialMs: number): Promise<NotedRest | null> {
    return read(await this.#commands.lookAtRest(this.#keyOf(name), REST_MEMORY_MS, trialMs))
  }

  async fail(
    name: string,
    seen: string,
    retryAfterMs: number,
    reason: string,
  ): Promise<Rest | null> {
    const { first, second, longest } = REST_MS
    const args = [REST_MEMORY_MS, seen, retryAfterMs, first, second, longest, reason]
    return read(await this.#commands.rest(this.#keyOf(name), args))
  }

  async end(name: string): Promise<void> {
    await this.#commands.unlink(this.#keyOf(name))
  }
}

/** A rest of another format is none: a newer process rests by itself. */
function read(reply: KeyTime | null): NotedRest | null {
  if (reply === null) return null
  const { text, leftMs } = reply
  const [format, failures, restMs, state, ...reason] = text.split(' ')
  if (format !== String(FORMAT)) return null
  const rest = {
    failures: Number(failures),
    restMs: Number(restMs),
    leftMs,
    text,
    reason: reason.join(' '),
  }
  const isSound = Number.isInteger(rest.failures) && Number.isInteger(rest.restMs)
  return isSound ? { ...rest, isTrial: state === 'trial' } : null
}
