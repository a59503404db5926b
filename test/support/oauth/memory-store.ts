import { createHash } from 'node:crypto'
import type { AccessToken, ClientCredentials } from '@atxp/common'
import type { LeaseStore } from '../../../src/flight/lease.js'
import { RedisOAuthDatabaseError } from '../../../src/leaves/errors.js'
import type { SentClient } from '../../../src/oauth/http/requests.js'
import { givesWay, type RefreshRecords } from '../../../src/oauth/places/records.js'
import type { Place } from '../../../src/oauth/places/token-places.js'
import { REST_MS, type Rest, type RestStore } from '../../../src/oauth/refresh/rests.js'
import type { RegistrationRecords } from '../../../src/oauth/trust/client-refusals.js'
import type { StoredToken, TokenOrigin } from '../../../src/record/origin.js'

/**
 * The small interfaces of the flight room, with the effects of the Redis scripts: every call acts in one step, some
 * time after it was made, and its reply comes some time after that. Shared by all "processes" of a test.
 */
export class MemoryStore implements LeaseStore, RefreshRecords, RestStore, RegistrationRecords {
  readonly marks = new Map<string, { mark: string; until: number }>()
  readonly rests = new Map<string, Rest & { until: number }>()
  readonly origins = new Map<string, TokenOrigin>()
  restMs: { first: number; second: number; longest: number } = REST_MS
  readonly leases = new Map<string, { owner: string; until: number }>()
  readonly records = new Map<string, AccessToken>()
  readonly replies = new Map<string, { reply: string; until: number }>()
  readonly clients = new Map<string, ClientCredentials>()
  readonly refusedClients = new Set<string>()
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

  renew(name: string, owner: string, leaseMs: number, mark = '', markMs = 0): Promise<boolean> {
    return this.#act('renew', () => {
      const held = this.#lease(name)
      const isLost = markMs > 0 && this.#markOf(name) === undefined
      const isOwn = held?.owner === owner || (mark !== '' && this.#markOf(name) === mark)
      if (held && !isOwn && !isLost) return false
      if (isLost) this.marks.set(name, { mark, until: performance.now() + markMs })
      this.leases.set(name, { owner, until: performance.now() + leaseMs })
      return true
    })
  }

  mark(
    name: string,
    owner: string,
    leaseMs: number,
    mark: string,
    markMs: number,
    awaited = '',
  ): Promise<string | null> {
    return this.#act('mark', () => {
      const held = this.#lease(name)
      if (held && held.owner !== owner) return null
      this.leases.set(name, { owner, until: performance.now() + leaseMs })
      const standing = this.#markOf(name)
      if (standing !== undefined && standing !== mark && standing !== awaited) return standing
      this.marks.set(name, { mark, until: performance.now() + markMs })
      return mark
    })
  }

  release(name: string, owner: string, mark = ''): Promise<boolean> {
    return this.#act('release', () => {
      if (mark !== '' && this.#markOf(name) === mark) this.marks.delete(name)
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

  #markOf(name: string): string | undefined {
    const mark = this.marks.get(name)
    return mark && mark.until > performance.now() ? mark.mark : undefined
  }

  look(name: string): Promise<Rest | null> {
    return this.enter(name, 0)
  }

  enter(name: string, trialMs: number): Promise<Rest | null> {
    this.names.add(name)
    return this.#act(trialMs > 0 ? 'enter' : 'look', () => {
      const rest = this.rests.get(name)
      if (!rest) return null
      const leftMs = rest.until - performance.now()
      if (leftMs > 0 || trialMs === 0) return { ...rest, leftMs }
      const trial = { ...rest, isTrial: true, text: rest.text.replace(' rest ', ' trial ') }
      this.rests.set(name, { ...trial, until: performance.now() + trialMs })
      return { ...trial, leftMs: 0 }
    })
  }

  fail(name: string, seen: string, retryAfterMs: number, reason: string): Promise<Rest | null> {
    return this.#act('fail', () => {
      const standing = this.rests.get(name)
      if (standing && standing.text !== seen) return standing
      const failures = (standing?.failures ?? 0) + 1
      const { first, second, longest } = this.restMs
      const ownMs = failures === 1 ? first : Math.min(second * 2 ** (failures - 2), longest)
      const restMs = Math.max(ownMs, retryAfterMs)
      const text = `1 ${failures} ${restMs} rest ${reason}`
      const until = performance.now() + restMs
      const rest = { failures, restMs, leftMs: restMs, isTrial: false, text, until }
      this.rests.set(name, rest)
      return rest
    })
  }

  end(name: string): Promise<void> {
    return this.#act('end', () => void this.rests.delete(name))
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

  read(place: Pick<Place, 'userId' | 'url'>): Promise<StoredToken | null> {
    return this.#act('read', () => {
      const token = this.records.get(keyOf(place))
      return token ? { token, origin: this.origins.get(token.accessToken) ?? {} } : null
    })
  }

  replace(
    place: Place,
    expected: AccessToken,
    token: AccessToken,
    origin: TokenOrigin,
  ): Promise<'replaced' | 'superseded' | 'gone'> {
    return this.#act('replace', () => {
      const record = this.records.get(keyOf(place))
      if (!record) return 'gone'
      if (!givesWay(record, expected, token)) return 'superseded'
      this.records.set(keyOf(place), token)
      this.origins.set(token.accessToken, origin)
      return 'replaced'
    })
  }

  remove(place: Place, refreshToken: string): Promise<boolean> {
    return this.#act('remove', () => {
      if (this.records.get(keyOf(place))?.refreshToken !== refreshToken) return false
      return this.records.delete(keyOf(place))
    })
  }

  save(userId: string, url: string, token: AccessToken): Promise<void> {
    return this.#act('save', () => void this.records.set(keyOf({ userId, url }), token))
  }

  find(name: string): Promise<string | null> {
    this.names.add(name)
    return this.#act('find', () => {
      const shared = this.replies.get(name)
      if (!shared || shared.until <= performance.now()) return null
      const { client_id: clientId } = JSON.parse(shared.reply)
      return this.refusedClients.has(clientId) ? null : shared.reply
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
      this.refusedClients.add(client.clientId)
      return isSame(this.clients.get(issuer), client) && this.clients.delete(issuer)
    })
  }

  get(userId: string, url: string): AccessToken | undefined {
    return this.records.get(keyOf({ userId, url }))
  }

  put(userId: string, url: string, token: AccessToken): void {
    this.records.set(keyOf({ userId, url }), token)
  }
}

function isSame(stored: ClientCredentials | undefined, sent: SentClient): boolean {
  const isSecret = sent.clientSecret === null || stored?.clientSecret === sent.clientSecret
  return stored?.clientId === sent.clientId && isSecret
}

function keyOf(place: Pick<Place, 'userId' | 'url'>): string {
  return createHash('sha256')
    .update(JSON.stringify([place.userId, place.url]))
    .digest('hex')
}
