import type { AccessToken, ClientCredentials, PKCEValues } from '../../../src/leaves/contract.js'
import { type DbClass, SoundDb, tick } from './sound-db.js'

export class Undefined extends SoundDb {
  override async read<T>(key: string): Promise<T | null> {
    return (await super.read<T>(key)) ?? (undefined as T | null)
  }
}

class Columns extends SoundDb {
  override write(key: string, record: object): Promise<void> {
    const { scope: _scope, nested: _nested, ...known } = record as Record<string, unknown>
    return super.write(key, known)
  }
}

class Merging extends SoundDb {
  override async write(key: string, record: object): Promise<void> {
    const old = JSON.parse(this.store.get(key) ?? '{}')
    return super.write(key, { ...old, ...record })
  }
}

class Joined extends SoundDb {
  override key(...parts: string[]): string {
    return parts.join(':')
  }
}

class Normalized extends SoundDb {
  override key(...parts: string[]): string {
    return super.key(...parts).normalize()
  }
}

class CaseBlind extends SoundDb {
  override key(...parts: string[]): string {
    return super.key(...parts).toLowerCase()
  }
}

class Utf8 extends SoundDb {
  override key(...parts: string[]): string {
    return Buffer.from(parts.map((part) => `${part.length}:${part}`).join(',')).toString()
  }
}

class Kindless extends SoundDb {
  override key(_kind: string, ...parts: string[]): string {
    return super.key(...parts)
  }
}

class OneRegistration extends SoundDb {
  override async getClientCredentials(server: string): Promise<ClientCredentials | null> {
    const found = await super.getClientCredentials(server)
    this.store.delete(this.key('client', server))
    return found
  }
}

class ReusedPkce extends SoundDb {
  override getPKCEValues(user: string, state: string): Promise<PKCEValues | null> {
    return this.read(this.key('pkce', user, state))
  }
}

class RacyPkce extends SoundDb {
  override async getPKCEValues(user: string, state: string): Promise<PKCEValues | null> {
    const found = await this.read<PKCEValues>(this.key('pkce', user, state))
    await tick()
    this.store.delete(this.key('pkce', user, state))
    return found
  }
}

class GreedyPkce extends SoundDb {
  override async getPKCEValues(user: string, state: string): Promise<PKCEValues | null> {
    const found = await super.getPKCEValues(user, state)
    for (const key of this.store.keys()) {
      if (key.startsWith(`["pkce","${user}"`)) this.store.delete(key)
    }
    return found
  }
}

class OneRead extends SoundDb {
  override async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
    const found = await super.getAccessToken(user, url)
    this.store.delete(this.key('access', user, url))
    return found
  }
}

class Milliseconds extends SoundDb {
  override expiresAtMs({ expiresAt = Number.POSITIVE_INFINITY }: AccessToken): number {
    return expiresAt
  }
}

class Seconds extends SoundDb {
  override expiresAtMs({ expiresAt = Number.POSITIVE_INFINITY }: AccessToken): number {
    return expiresAt * 1_000
  }
}

class NeedsExpiry extends SoundDb {
  override expiresAtMs({ expiresAt = 0 }: AccessToken): number {
    return super.expiresAtMs({ expiresAt } as AccessToken)
  }
}

class Immortal extends SoundDb {
  override expiresAtMs(): number {
    return Number.POSITIVE_INFINITY
  }
}

class MeasuredAtTheSave extends SoundDb {
  override async saveAccessToken(user: string, url: string, token: AccessToken): Promise<void> {
    const isPast = this.expiresAtMs(token) <= Date.now() && !token.refreshToken
    if (!isPast) await super.saveAccessToken(user, url, token)
  }
  override getAccessToken(user: string, url: string): Promise<AccessToken | null> {
    return this.read(this.key('access', user, url))
  }
}

class DropsExpired extends SoundDb {
  override async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
    const token = await super.getAccessToken(user, url)
    return token === null || this.expiresAtMs(token) <= Date.now() ? null : token
  }
}

class RefusesExpired extends SoundDb {
  override async saveAccessToken(user: string, url: string, token: AccessToken): Promise<void> {
    if (this.expiresAtMs(token) > Date.now()) await super.saveAccessToken(user, url, token)
  }
}

class DeletesExpired extends SoundDb {
  override async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
    const key = this.key('access', user, url)
    const token = await this.read<AccessToken>(key)
    if (token === null || this.expiresAtMs(token) > Date.now()) return token
    await tick()
    this.store.delete(key)
    return null
  }
}

class InheritsExpiry extends SoundDb {
  readonly #ends: Map<string, number>
  constructor(store: Map<string, string>) {
    super(store)
    this.#ends = new Map()
  }
  override saveAccessToken(user: string, url: string, token: AccessToken): Promise<void> {
    const key = this.key('access', user, url)
    const end = token.expiresAt === undefined ? this.#ends.get(key) : this.expiresAtMs(token)
    if (end !== undefined) this.#ends.set(key, end)
    return super.saveAccessToken(user, url, token)
  }
  override async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
    const end = this.#ends.get(this.key('access', user, url)) ?? Number.POSITIVE_INFINITY
    return end <= Date.now() ? null : super.getAccessToken(user, url)
  }
}

class Deferred extends SoundDb {
  override async write(key: string, record: object): Promise<void> {
    await tick()
    await tick()
    await super.write(key, record)
  }
}

class LosesSaves extends SoundDb {
  #writing = false
  override async write(key: string, record: object): Promise<void> {
    const isAlone = !this.#writing
    this.#writing = true
    await super.write(key, record)
    if (!isAlone) this.store.delete(key)
    this.#writing = false
  }
}

class TwoWrites extends SoundDb {
  override async saveAccessToken(user: string, url: string, token: AccessToken): Promise<void> {
    const { refreshToken, ...others } = token
    await Promise.all([
      super.saveAccessToken(user, url, others as AccessToken),
      this.write(this.key('refresh', user, url), { refreshToken }).then(tick),
    ])
  }
  override async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
    const token = await this.read<AccessToken>(this.key('access', user, url))
    await tick()
    const refresh = await this.read<Partial<AccessToken>>(this.key('refresh', user, url))
    return token && { ...token, ...refresh }
  }
}

class SharedObjects extends SoundDb {
  static readonly objects = new Map<string, unknown>()
  override async read<T>(key: string): Promise<T | null> {
    const text = await super.read<T>(key)
    return text === null ? null : (SharedObjects.objects.get(key) as T)
  }
  override write(key: string, record: object): Promise<void> {
    SharedObjects.objects.set(key, record)
    return super.write(key, record)
  }
}

/** Remembers what it has read: other handles' saves stay unseen. */
class Cached extends SoundDb {
  readonly #read = new Map<string, unknown>()
  override async read<T>(key: string): Promise<T | null> {
    if (!this.#read.has(key)) this.#read.set(key, await super.read(key))
    return this.#read.get(key) as T
  }
  override write(key: string, record: object): Promise<void> {
    this.#read.delete(key)
    return super.write(key, record)
  }
}

class OwnStore extends SoundDb {
  constructor() {
    super(new Map())
  }
}

class ClearedByClose extends SoundDb {
  override async close(): Promise<void> {
    this.store.clear()
  }
}

class ClosesOnce extends SoundDb {
  #isClosed = false
  override async close(): Promise<void> {
    if (this.#isClosed) throw new Error('already closed')
    this.#isClosed = true
  }
}

/** For each case a database, or more, with the fault that it is there to find. */
export const FAULTS: readonly (readonly [name: string, fault: DbClass])[] = [
  ['returns null for a server without a client registration', Undefined],
  ['returns a client registration as it was saved, unknown members included', Columns],
  ['keeps a client registration however often it is read', OneRegistration],
  ['replaces a client registration by a newer one, whole', Merging],
  ['keeps the client registrations of different servers apart', Normalized],
  ['keeps the client registrations of different servers apart', CaseBlind],
  ['returns null for a state without PKCE values', Undefined],
  ['returns PKCE values as they were saved, unknown members included', Columns],
  ['replaces PKCE values by newer ones of the same state, whole', Merging],
  ['gives PKCE values to their first reader and to no later one', ReusedPkce],
  ['gives PKCE values to exactly one of many concurrent readers', RacyPkce],
  ['leaves the PKCE values of a user alone when those of another login are read', GreedyPkce],
  ['keeps the PKCE values of different users and states apart', Joined],
  ['keeps the PKCE values of different users and states apart', Normalized],
  ['keeps the PKCE values of different users and states apart', Utf8],
  ['returns null for a URL without an access token', Undefined],
  ['returns an access token as it was saved, unknown members included', Columns],
  ['returns an access token however often it is read', OneRead],
  ['returns an access token without expiry', NeedsExpiry],
  [
    'returns an access token whose expiry in seconds is to come, and the expiry unchanged',
    Milliseconds,
  ],
  [
    'returns an access token whose expiry in milliseconds is to come, and the expiry unchanged',
    class extends SoundDb {
      override saveAccessToken(user: string, url: string, token: AccessToken): Promise<void> {
        const expiresAt = Math.floor(this.expiresAtMs(token) / 1_000)
        return super.saveAccessToken(user, url, { ...token, expiresAt })
      }
    },
  ],
  ['returns null for an access token whose expiry in seconds is past', Immortal],
  ['returns null for an access token whose expiry in milliseconds is past', Seconds],
  ['returns an access token until it expires and null afterwards', MeasuredAtTheSave],
  ['returns an access token that was saved as expired when it has a refresh token', RefusesExpired],
  ['returns an access token that has expired since when it has a refresh token', DropsExpired],
  ['returns an access token that has expired since when it has a refresh token', DeletesExpired],
  ['replaces an access token by a newer one, whole', Merging],
  [
    'returns an access token that replaces an expired one, whose expiry it does not inherit',
    InheritsExpiry,
  ],
  ['keeps the access tokens of different users and URLs apart', Joined],
  ['keeps the access tokens of different users and URLs apart', CaseBlind],
  ['keeps the access tokens of different users and URLs apart', Utf8],
  ['a read returns what a save that was called just before it has saved, awaited or not', Deferred],
  ['keeps every one of many concurrent saves', LosesSaves],
  ['never returns a mixture of two concurrent saves', TwoWrites],
  [
    'a read of an expired access token does not remove the one that is saved meanwhile',
    DeletesExpired,
  ],
  ['keeps records of different kinds apart', Kindless],
  ['an object that its owner changes later does not change in the database', SharedObjects],
  ['returns through one handle what was saved through another', OwnStore],
  ['returns through one handle what another replaced, after having read the old', Cached],
  ['gives PKCE values to exactly one of the concurrent readers of several handles', RacyPkce],
  ['keeps its records when a handle is closed, and serves the others', ClearedByClose],
  ['closes more than once, and without having been used', ClosesOnce],
]
