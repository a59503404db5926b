import { timeLimit } from '../../leaves/clock.js'
import type { AccessToken, ClientCredentials, FetchLike, OAuthDb } from '../../leaves/contract.js'
import type { LoginEnd } from '../refresh/logins.js'
import { RefusedTokens } from '../trust/refused-tokens.js'
import { HandedOut } from './handed-out.js'

export interface ClientSessionOptions {
  /** Whether a person logs in: then nobody waits long for it. */
  readonly isInteractive: boolean
}

/**
 * One client, as its database and its two kinds of `fetch` see it together: whose tokens its requests carry, which of
 * them were refused, and which logins it has begun.
 */
export class ClientSession {
  readonly isInteractive: boolean
  readonly handedOut: HandedOut = new HandedOut()
  readonly refusedTokens: RefusedTokens = new RefusedTokens()
  /** Sends refresh requests, coordinated; an answer that refuses comes back as it is. */
  refreshFetch: FetchLike | undefined
  /** Asks an authorization server whether it still knows this client. Where it does not, the registration is removed. Never rejects. */
  askForClient: ((issuer: string) => Promise<void>) | undefined
  /** Counts the doubts that no question has settled. */
  #doubts = 0
  readonly #logins = new Map<string, Set<(end?: LoginEnd) => void>>()

  constructor({ isInteractive }: ClientSessionOptions) {
    this.isInteractive = isInteractive
  }

  /** Resolves when this client has saved a session of the user's, could not log in, or `limitMs` are over. */
  login(userId: string, limitMs: number): Promise<LoginEnd> {
    return new Promise((resolve) => {
      const ends = this.#logins.get(userId) ?? new Set()
      this.#logins.set(userId, ends)
      const end = (how?: LoginEnd): void => {
        callOff()
        ends.delete(end)
        if (ends.size === 0) this.#logins.delete(userId)
        resolve(how)
      }
      const callOff = timeLimit(limitMs, end)
      ends.add(end)
    })
  }

  /** To be called when the authorization server has let nobody in. */
  loginFailed(): void {
    for (const userId of [...this.#logins.keys()]) this.#endLogins(userId, 'loginFailed')
  }

  /**
   * To be called before this client logs in, unless a refresh was just judged: a login with a forgotten client fails. The next
   * registration that it reads is asked for first.
   */
  doubtClient(): void {
    this.#doubts += 1
  }

  /** The database, with what passes noted here. Commands leave in the order of the calls, as without it. */
  watch(db: OAuthDb): OAuthDb {
    return {
      getClientCredentials: (serverUrl) =>
        this.#doubts > 0 ? this.#confirmed(serverUrl, db) : db.getClientCredentials(serverUrl),
      saveClientCredentials: (serverUrl, credentials) =>
        db.saveClientCredentials(serverUrl, credentials),
      getPKCEValues: (userId, state) => db.getPKCEValues(userId, state),
      savePKCEValues: (userId, state, values) => db.savePKCEValues(userId, state, values),
      getAccessToken: (userId, url) => this.#noted(userId, url, db.getAccessToken(userId, url)),
      saveAccessToken: (userId, url, token) =>
        this.#saved(userId, db.saveAccessToken(userId, url, token)),
      close: () => db.close(),
    }
  }

  async #confirmed(serverUrl: string, db: OAuthDb): Promise<ClientCredentials | null> {
    const doubts = this.#doubts
    const found = await db.getClientCredentials(serverUrl)
    if (found !== null) await this.askForClient?.(serverUrl)
    // Another login may have begun meanwhile, with another issuer, and has its own question.
    if (this.#doubts === doubts) this.#doubts = 0
    return found === null ? null : db.getClientCredentials(serverUrl)
  }

  async #noted(
    userId: string,
    url: string,
    read: Promise<AccessToken | null>,
  ): Promise<AccessToken | null> {
    const token = await read
    this.handedOut.note(userId, url, token?.accessToken)
    return token
  }

  async #saved(userId: string, save: Promise<void>): Promise<void> {
    await save
    this.#endLogins(userId, 'loggedIn')
  }

  #endLogins(userId: string, how: LoginEnd): void {
    for (const end of [...(this.#logins.get(userId) ?? [])]) end(how)
  }
}
