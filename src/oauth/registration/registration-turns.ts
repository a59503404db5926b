import { fingerprint } from '../../flight/fingerprint.js'
import { type LeaseStore, newOwner } from '../../flight/lease.js'
import { Wake } from '../../flight/wake.js'
import { settledWithin } from '../../leaves/clock.js'
import { RecentMap, weightOf } from '../../leaves/recent-map.js'

const POLL_MS = 250
/** Who has waited in vain does not wait again for so long. */
const UNMADE_MS = 60_000
/** Servers, each by a hash. */
const MAX_ENTRIES = 1_000
const MAX_BYTES = 2 ** 20

/**
 * Lets one caller at a time find that there is no registration yet, for those who register by themselves when they
 * find none: the first gets its turn, the others wait for what it saves, each no longer than a turn lasts.
 */
export class RegistrationTurns {
  readonly #leases: LeaseStore
  readonly #turnMs: number
  /** Owner by lease, of the turns that this process has. */
  readonly #owners: RecentMap<string>
  /** Registrations that were waited for and that nobody made: there are callers who only look. */
  readonly #unmade = new RecentMap<true>({
    maxEntries: MAX_ENTRIES,
    maxBytes: MAX_BYTES,
    maxAgeMs: UNMADE_MS,
  })

  /** @param turnMs - 0: no turns, everybody registers */
  constructor(leases: LeaseStore, turnMs: number) {
    this.#leases = leases
    this.#turnMs = turnMs
    this.#owners = new RecentMap<string>({
      maxEntries: MAX_ENTRIES,
      maxBytes: MAX_BYTES,
      // The lease ends by itself then.
      maxAgeMs: turnMs,
      bytesOf: weightOf,
    })
  }

  /** What `look` finds once it finds something; null when it is for the caller to register. */
  async take<T>(server: readonly string[], look: () => Promise<T | null>): Promise<T | null> {
    const found = await look()
    if (found !== null || this.#turnMs === 0) return found
    const name = nameOf(server)
    if (this.#unmade.has(name)) return null
    const until = performance.now() + this.#turnMs
    if (await this.#isFree(name)) return look()
    const saved = await this.#saved(name, look, until)
    if (saved === null) this.#unmade.set(name, true)
    return saved
  }

  /** Null once the turn is over, whosoever it was. */
  async #saved<T>(name: string, look: () => Promise<T | null>, until: number): Promise<T | null> {
    const wake = new Wake()
    const watching = this.#leases.watch(name, () => wake.fire())
    try {
      await settledWithin(POLL_MS, watching)
      for (;;) {
        wake.reset()
        const registered = await look()
        if (registered !== null) return registered
        const leftMs = until - performance.now()
        if (leftMs <= 0) return null
        if (await this.#isFree(name)) return await look()
        await wake.wait(Math.min(leftMs, POLL_MS))
      }
    } finally {
      watching.then((unwatch) => unwatch()).catch(() => undefined)
    }
  }

  /** To be called when a registration has been saved: wakes who waits for it. */
  async end(server: readonly string[]): Promise<void> {
    const name = nameOf(server)
    this.#unmade.delete(name)
    const owner = this.#owners.get(name)
    if (owner === undefined) return
    this.#owners.delete(name)
    try {
      await this.#leases.release(name, owner)
    } catch {
      // It runs out by itself.
    }
  }

  /** True as well when the lease cannot be had: a registration too many is better than none. */
  async #isFree(name: string): Promise<boolean> {
    const owner = newOwner()
    try {
      if (!(await this.#leases.acquire(name, owner, this.#turnMs))) return false
    } catch {
      return true
    }
    this.#owners.set(name, owner)
    return true
  }
}

function nameOf(server: readonly string[]): string {
  return fingerprint('registration turn', ...server)
}
