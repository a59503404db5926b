import { createHash } from 'node:crypto'
import type { AccessToken, ClientCredentials } from '@atxp/common'
import { RedisOAuthDatabaseError } from '../../../src/errors.js'
import type { LeaseStore } from '../../../src/flight/lease.js'
import type { RegistrationRecords } from '../../../src/oauth/client-refusals.js'
import type { RefreshRecords } from '../../../src/oauth/refresh.js'
import type { SentClient } from '../../../src/oauth/requests.js'
import type { Place } from '../../../src/oauth/token-places.js'

/**
 * The small interfaces of the flight room, with the effects of the Redis scripts: every call acts in one step, some
 * time after it was made, and its reply comes some time after that. Shared by all "processes" of a test.
 */
export class MemoryStore implements LeaseStore, RefreshRecords, RegistrationRecords {
  readonly leases = new Map<string, { owner: string; until: number }>()
  readonly records = new Map<string, AccessToken>()
  readonly replies = new Map<string, { reply: string; until: number }>()
  readonly clients = new Map<string, ClientCredentials>()
  readonly calls: string[] = []
  /** All that a key was ever named by. */
  readonly names = new Set<string>()
  readonly #listeners = new Map<string, Set<() => void>>()

  /** Awaited before a call acts and before its reply arrives: a test can hold, reorder or fail it here. */
  step: (call: string, when: 'request' | 'reply') => Promise<void> | void = () => undefined

  troubledAtMs: number = Number.NEGATIVE_INFINITY

  /** Makes the calls that match fail as if Redis were away. */
  failing: ((call: string) => boolean) | null = null

  async #act<T>(call: string, effect: () => T): Promise<T> {
    this.calls.push(call)
    await this.step(call, 'request')
    if (this.failing?.(call)) throw new RedisOAuthDatabaseError('CONNECTION_LOST', 'away')
    const result = effect()
    await this.step(call, 'reply')
    return result
  }

  acquire(name: string, owner: string, leaseMs: number): Promise<boolean> {
    this.names.add(name)
    return this.#act('acquire', () => {
      const held = this.#lease(name)
      if (held && held.owner !== owner) return false
      this.leases.set(name, { owner, until: performance.now() + leaseMs })
      return true
    })
  }

  renew(name: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#act('renew', () => {
      if (this.#lease(name)?.owner !== owner) return false
      this.leases.set(name, { owner, until: performance.now() + leaseMs })
      return true
    })
  }

  release(name: string, owner: string): Promise<boolean> {
    return this.#act('release', () => {
      if (this.#lease(name)?.owner !== owner) return false
      this.leases.delete(name)
      for (const listener of this.#listeners.get(name) ?? []) listener()
      return true
    })
  }

  watch(name: string, listener: () => void): Promise<() => void> {
    return this.#act('watch', () => {
      const listeners = this.#listeners.get(name) ?? new Set()
      this.#listeners.set(name, listeners.add(listener))
      return () => listeners.delete(listener)
    })
  }

  get watchers(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0)
  }

  get heldLeases(): number {
    return [...this.leases.keys()].filter((name) => this.#lease(name)).length
  }

  #lease(name: string): { owner: string; until: number } | undefined {
    const held = this.leases.get(name)
    return held && held.until > performance.now() ? held : undefined
  }

  read(place: Pick<Place, 'user' | 'url'>): Promise<AccessToken | null> {
    return this.#act('read', () => this.records.get(keyOf(place)) ?? null)
  }

  replace(
    place: Place,
    expected: string,
    token: AccessToken,
  ): Promise<'replaced' | 'superseded' | 'gone'> {
    return this.#act('replace', () => {
      const record = this.records.get(keyOf(place))
      if (!record) return 'gone'
      const resent =
        record.accessToken === token.accessToken && record.refreshToken === token.refreshToken
      if (!resent && record.refreshToken !== expected) return 'superseded'
      this.records.set(keyOf(place), token)
      return 'replaced'
    })
  }

  remove(place: Place, refreshToken: string): Promise<boolean> {
    return this.#act('remove', () => {
      if (this.records.get(keyOf(place))?.refreshToken !== refreshToken) return false
      return this.records.delete(keyOf(place))
    })
  }

  save(user: string, url: string, token: AccessToken): Promise<void> {
    return this.#act('save', () => void this.records.set(keyOf({ user, url }), token))
  }

  find(name: string): Promise<string | null> {
    this.names.add(name)
    return this.#act('find', () => {
      const shared = this.replies.get(name)
      return shared && shared.until > performance.now() ? shared.reply : null
    })
  }

  share(name: string, reply: string, replyMs: number): Promise<void> {
    return this.#act(
      'share',
      () => void this.replies.set(name, { reply, until: performance.now() + replyMs }),
    )
  }

  knows(issuer: string, client: SentClient): boolean {
    return isSame(this.clients.get(issuer), client)
  }

  forget(issuer: string, client: SentClient): Promise<boolean> {
    return this.#act('forget', () => {
      return isSame(this.clients.get(issuer), client) && this.clients.delete(issuer)
    })
  }

  get(user: string, url: string): AccessToken | undefined {
    return this.records.get(keyOf({ user, url }))
  }

  put(user: string, url: string, token: AccessToken): void {
    this.records.set(keyOf({ user, url }), token)
  }
}

function isSame(stored: ClientCredentials | undefined, sent: SentClient): boolean {
  const isSecret = sent.clientSecret === null || stored?.clientSecret === sent.clientSecret
  return stored?.clientId === sent.clientId && isSecret
}

function keyOf(place: Pick<Place, 'user' | 'url'>): string {
  return createHash('sha256')
    .update(JSON.stringify([place.user, place.url]))
    .digest('hex')
}
