import type { Composition } from '../../database/composition.js'
import type { PKCEValues } from '../../leaves/contract.js'
import { publishSession, type SessionEvent } from '../../leaves/diagnostics.js'
import { isUnreadable } from '../../leaves/errors.js'
import { decodeRecord, isShort } from '../../record/codec.js'
import { reading } from '../../record/fingerprint.js'
import type { FoundKey } from '../../record/keys.js'
import type { McpClientInformation, McpDiscoveryState } from '../shapes.js'
import { metadataTooLarge } from './failures.js'

/** What servers say of themselves is much less, and stands in Redis for as long as they let users wait. */
export const MAX_LOGIN_LENGTH = 262_144

/** So many are read at once. */
const AT_ONCE = 8

/** A login that has begun, with all that its callback needs: that may come to another process. */
export interface Login {
  readonly state: string
  readonly codeVerifier: string
  readonly codeChallenge: string
  readonly serverUrl: string
  readonly redirectUrl: string
  /** Whom the code is for. */
  readonly client: McpClientInformation
  /** As it stands in the authorization request (RFC 8707). */
  readonly resource?: string | undefined
  readonly discovery: McpDiscoveryState
  /** Unix milliseconds. */
  readonly begunAt: number
}

/** A login in the record of PKCE values, which all other clients keep. */
interface LoginRecord extends PKCEValues {
  readonly mcp?: Omit<Login, 'codeVerifier' | 'codeChallenge' | 'serverUrl'>
}

/** The logins of users, each under its `state`. They live for `pkceTtl`. */
export class Logins {
  readonly #parts: Composition

  constructor(parts: Composition) {
    this.#parts = parts
  }

  /** For what is left of its life. One round trip. */
  async save(userId: string, login: Login): Promise<void> {
    const { codeVerifier, codeChallenge, serverUrl, ...mcp } = login
    const record: LoginRecord = {
      codeVerifier,
      codeChallenge,
      resourceUrl: serverUrl,
      url: serverUrl,
      mcp,
    }
    if (!isShort(record, MAX_LOGIN_LENGTH)) throw metadataTooLarge()
    await this.#parts.records.savePkce(userId, nameOf(login.state), record, ageMsOf(login))
  }

  /** The login, once, whatever `singleUsePkce` is. */
  async take(userId: string, state: string): Promise<Login | undefined> {
    const { keys, vault } = this.#parts
    const key = keys.of('pkce', userId, nameOf(state))
    const consumed = keys.of('consumed', userId, nameOf(state))
    const text = await vault.consume(key, consumed)
    return text === null ? undefined : loginIn(key, text)
  }

  /**
   * The login of the user at this server that has begun last, by the clock of Redis. Two round trips, and one more for each further eight
   * logins. Never are all in memory: a server may have many begin, each with as much metadata as is kept.
   */
  async newest(userId: string, serverUrl: string, redirectUrl: string): Promise<Login | undefined> {
    const found = await this.#parts.indexed.of(userId)
    const newestFirst = found
      .filter(({ key }) => key.kind === 'pkce')
      .sort((one, other) => other.keptUntil - one.keptUntil)
    while (newestFirst.length > 0) {
      const some = newestFirst.splice(0, AT_ONCE)
      const logins = await Promise.all(some.map(({ key }) => this.#read(key)))
      const login = logins.find(
        (one) => one?.serverUrl === serverUrl && one.redirectUrl === redirectUrl,
      )
      if (login !== undefined) return login
    }
    return undefined
  }

  async #read(key: FoundKey): Promise<Login | undefined> {
    try {
      const text = await this.#parts.vault.get(key)
      return text === null ? undefined : loginIn(key, text)
    } catch (error) {
      // Of another client, perhaps, and no reason to end this login.
      if (isUnreadable(error)) return undefined
      throw error
    }
  }
}

/** Why nobody is logged in. */
export type LoginFailure = Pick<SessionEvent, 'code' | 'status'>

/** Tells what became of a login, which may have begun in another process. */
export function publishLoginEnd(login: Login, failure?: LoginFailure): void {
  const event = failure === undefined ? 'loggedIn' : 'loginFailed'
  publishSession(event, failure, performance.now() - ageMsOf(login))
}

/** Clocks of two processes may differ. */
function ageMsOf({ begunAt }: Login): number {
  return Math.max(0, Date.now() - begunAt)
}

/** No other client's state has a space in it. */
function nameOf(state: string): string {
  return `mcp ${state}`
}

/** Undefined for what another client has saved. */
function loginIn(key: FoundKey, text: string): Login | undefined {
  const record: LoginRecord = reading(key, () => decodeRecord('pkce', text))
  if (record.mcp === undefined) return undefined
  const { codeVerifier, codeChallenge, url } = record
  return { ...record.mcp, codeVerifier, codeChallenge, serverUrl: url }
}
