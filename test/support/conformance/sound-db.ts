import { type CreateDatabase, oauthDbConformance } from '../../../src/conformance.js'
import type {
  AccessToken,
  ClientCredentials,
  OAuthDb,
  PKCEValues,
} from '../../../src/leaves/contract.js'

/** Some latency, in which others get their turn; calls keep their order. */
export const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

/** An `OAuthDb` that does all that is asked for, in a `Map` that several handles may share. */
export class SoundDb implements OAuthDb {
  readonly store: Map<string, string>

  constructor(store: Map<string, string>) {
    this.store = store
  }

  key(...parts: string[]): string {
    return JSON.stringify(parts)
  }

  async read<T>(key: string): Promise<T | null> {
    await tick()
    const text = this.store.get(key)
    return text === undefined ? null : JSON.parse(text)
  }

  async write(key: string, record: object): Promise<void> {
    const text = JSON.stringify(record)
    await tick()
    this.store.set(key, text)
  }

  expiresAtMs({ expiresAt = Number.POSITIVE_INFINITY }: AccessToken): number {
    return expiresAt < 1e11 ? expiresAt * 1_000 : expiresAt
  }

  getClientCredentials(server: string): Promise<ClientCredentials | null> {
    return this.read(this.key('client', server))
  }

  saveClientCredentials(server: string, credentials: ClientCredentials): Promise<void> {
    return this.write(this.key('client', server), credentials)
  }

  async getPKCEValues(user: string, state: string): Promise<PKCEValues | null> {
    const key = this.key('pkce', user, state)
    const reading = this.read<PKCEValues>(key)
    await tick()
    this.store.delete(key)
    return reading
  }

  savePKCEValues(user: string, state: string, values: PKCEValues): Promise<void> {
    return this.write(this.key('pkce', user, state), values)
  }

  async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
    const token = await this.read<AccessToken>(this.key('access', user, url))
    if (token === null || token.refreshToken) return token
    return this.expiresAtMs(token) <= Date.now() ? null : token
  }

  saveAccessToken(user: string, url: string, token: AccessToken): Promise<void> {
    return this.write(this.key('access', user, url), token)
  }

  async close(): Promise<void> {}
}

export type DbClass = new (store: Map<string, string>) => OAuthDb

/** Handles of a class on one store. */
export function handlesOf(Db: DbClass): CreateDatabase {
  const store = new Map<string, string>()
  return () => new Db(store)
}

/** What each case says: `passes`, or its error. */
export async function runAll(
  cases: ReturnType<typeof oauthDbConformance>,
): Promise<Record<string, string>> {
  const outcomes = await Promise.all(
    cases.map(async ({ name, run }) => {
      try {
        await run()
        return [name, 'passes'] as const
      } catch (error) {
        return [name, String(error)] as const
      }
    }),
  )
  return Object.fromEntries(outcomes)
}

export const names: readonly string[] = oauthDbConformance(handlesOf(SoundDb)).map(
  ({ name }) => name,
)
