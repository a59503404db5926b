import type { LeaseStore } from '../flight/lease.js'
import { Reentrance } from '../flight/reentrance.js'
import { type FlightOptions, type FlightRunner, Flights } from '../flight/single-flight.js'
import type { AccessToken, ClientCredentials, FetchLike } from '../leaves/contract.js'
import { createCoordinatedFetch } from '../oauth/coordinated-fetch.js'
import { Echoes } from '../oauth/places/echoes.js'
import type { Place, TokenPlaces } from '../oauth/places/token-places.js'
import type { RestStore } from '../oauth/refresh/rests.js'
import { UnsavedPairs } from '../oauth/refresh/unsaved-pairs.js'
import { RegistrationTurns } from '../oauth/registration/registration-turns.js'
import type { ClientSession } from '../oauth/session/client-session.js'
import type { FlightTiming } from '../oauth/timing.js'
import { Issuers, metadataUrl } from '../oauth/trust/issuers.js'
import { ReadIssuers } from '../oauth/trust/read-issuers.js'
import { RefusedTokens } from '../oauth/trust/refused-tokens.js'
import { checkPart } from '../record/keys.js'
import type { ClientRole } from '../record/kinds.js'
import type { OAuthStore } from './oauth-store.js'
import type { RefreshStore } from './refresh-store.js'
import type { RegistrationStore } from './registration-store.js'

/** Fetches that are given the same object are taken for those of one client: what one sees, the others know. */
export interface CoordinatedFetchOptions {
  /**
   * Makes the error upon which the client authorizes anew within the same call, when the authorization server has
   * refused a refresh token; without it the client's next call does.
   * @example
   * ```ts compile-only
   * import { OAuthAuthenticationRequiredError } from '@atxp/client'
   *
   * const fetch = db.coordinatedFetch(undefined, {
   *   authorizeAnew: ({ url, resourceUrl }) => OAuthAuthenticationRequiredError.create(url, resourceUrl),
   * })
   * ```
   */
  readonly authorizeAnew?: ((place: Place) => Promise<Error | null> | Error | null) | undefined
  /**
   * The client whose requests pass.
   * @internal
   */
  readonly session?: ClientSession | undefined
}

/** What one client has seen, through all of its fetches. */
interface ClientMemory {
  readonly refusedTokens: RefusedTokens
  readonly read: ReadIssuers
}

export interface DeleteAccessTokenOptions {
  /** Deletes the record only if this is its refresh token. So nobody deletes a login that was made since. */
  readonly ifRefreshToken?: string
}

/** Undefined means whatever its refresh token is, so nothing else may come to that: neither a misspelt name nor a missing value. */
function checkDeleteOptions(options: DeleteAccessTokenOptions): string | undefined {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('options must be an object')
  }
  for (const name of Object.keys(options)) {
    if (name !== 'ifRefreshToken') {
      throw new TypeError(`options.${name} is not an option; the option is ifRefreshToken`)
    }
    checkPart('options.ifRefreshToken', options.ifRefreshToken)
  }
  return options.ifRefreshToken
}

/** What every call of the database passes. */
export interface CallLayer {
  /** A call of that name, with several steps. */
  runSteps<T>(name: string, work: () => Promise<T>): Promise<T>
  /** Has `close` wait for work that outlives the call which began it. */
  hold<T>(work: () => Promise<T>): Promise<T>
  /** When `close` gives up what is under way, by `performance.now()`; infinite until it is called. */
  readonly closesAtMs: number
}

const DONE = Promise.resolve()

/** Records as a fleet needs them: what several processes do at once is done by one of them. */
export class Coordination {
  readonly flights: FlightRunner
  /** Closing does not wait for these. */
  readonly #loginFlights: FlightRunner
  readonly #layer: CallLayer
  readonly #unsaved = new UnsavedPairs()
  readonly #echoes = new Echoes()
  readonly #reentrance = new Reentrance()
  readonly #rests: RestStore
  readonly #timing: FlightTiming
  readonly #records: OAuthStore
  readonly #refreshes: RefreshStore
  readonly #registrations: RegistrationStore
  readonly #turns: RegistrationTurns
  readonly #places: TokenPlaces
  /** What is known of authorization servers; shared by all fetches. */
  readonly issuers: Issuers = new Issuers()
  readonly #clients = new WeakMap<CoordinatedFetchOptions | ClientSession, ClientMemory>()

  constructor(
    leases: LeaseStore,
    records: OAuthStore,
    refreshes: RefreshStore,
    registrations: RegistrationStore,
    rests: RestStore,
    places: TokenPlaces,
    timing: FlightTiming,
    registrationLeaseMs: number,
    layer: CallLayer,
  ) {
    const flights = new Flights(leases)
    // Closing waits for them: a pair of tokens that was not saved yet is nowhere else.
    this.flights = {
      run: (name, work, options) => layer.hold(() => flights.run(name, work, options)),
      runMarked: (name, work, options) => layer.hold(() => flights.runMarked(name, work, options)),
    }
    this.#loginFlights = new Flights(leases)
    this.#layer = layer
    this.#records = records
    this.#refreshes = refreshes
    this.#registrations = registrations
    this.#rests = rests
    this.#places = places
    this.#timing = timing
    this.#turns = new RegistrationTurns(leases, registrationLeaseMs)
  }

  async getClient(serverUrl: string, role: ClientRole): Promise<ClientCredentials | null> {
    const credentials = await this.#turns.take([role, serverUrl], () =>
      this.#records.getClient(serverUrl, role),
    )
    if (credentials !== null) this.#registrations.remember(serverUrl, role, credentials)
    return credentials
  }

  async saveClient(
    serverUrl: string,
    role: ClientRole,
    credentials: ClientCredentials,
  ): Promise<void> {
    await this.#records.saveClient(serverUrl, role, credentials)
    this.#registrations.remember(serverUrl, role, credentials)
    await this.#turns.end([role, serverUrl])
  }

  saveAccessToken(userId: string, url: string, token: AccessToken): Promise<void> {
    // After a coordinated refresh the client saves once more what stands in Redis already.
    if (token?.accessToken && this.#echoes.take(userId, url, token)) return DONE
    const origin = token?.accessToken ? this.issuers.issuedBy(token.accessToken) : undefined
    return this.#records.saveAccessToken(userId, url, token, origin)
  }

  deleteAccessToken(
    userId: string,
    url: string,
    options: DeleteAccessTokenOptions,
  ): Promise<boolean> {
    const refreshToken = checkDeleteOptions(options)
    if (refreshToken === undefined) {
      this.#echoes.forget(userId, url)
      return this.#records.deleteAccessToken(userId, url)
    }
    return this.#refreshes.remove({ userId, url }, refreshToken).then((isRemoved) => {
      if (isRemoved) this.#echoes.forget(userId, url)
      return isRemoved
    })
  }

  deleteUser(userId: string): Promise<number> {
    this.#echoes.forget(userId)
    return this.#records.deleteUser(userId)
  }

  /** Work of the caller's. @throws TypeError from within work of the same name */
  async singleFlight<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
    options: FlightOptions<T>,
  ): Promise<T> {
    this.#reentrance.refuse(name)
    const within = (signal: AbortSignal): Promise<T> =>
      this.#reentrance.within(name, async () => work(signal))
    return this.flights.run(name, typeof work === 'function' ? within : work, options)
  }

  /** How many pairs of tokens authorization servers have issued that Redis does not have yet. */
  get unsavedPairs(): number {
    return this.#unsaved.count
  }

  /** To be called when nothing can be saved any more. */
  giveUp(): void {
    this.#unsaved.giveUp()
  }

  /** @throws TypeError for what is no function, and for an option that there is not */
  coordinatedFetch(fetch: FetchLike | undefined, options: CoordinatedFetchOptions): FetchLike {
    checkFetch(fetch, options)
    const { authorizeAnew, session } = options
    return createCoordinatedFetch({
      fetch: fetch ?? globalFetch(),
      flights: this.flights,
      loginFlights: this.#loginFlights,
      records: this.#refreshes,
      rests: this.#rests,
      places: this.#places,
      echoes: this.#echoes,
      timing: this.#timing,
      registrations: this.#registrations,
      issuers: this.issuers,
      ...this.#memoryOf(options),
      call: (work) => this.#layer.runSteps('coordinatedFetch', work),
      unsaved: this.#unsaved,
      closesAtMs: () => this.#layer.closesAtMs,
      ...(authorizeAnew !== undefined && { authorizeAnew }),
      ...(session !== undefined && {
        client: {
          session,
          registration: (issuer: string) => this.#registration(issuer),
        },
      }),
    })
  }

  /**
   * Has the client whose fetch is given these options know an issuer's metadata as if it had read it through that.
   * @param metadata - undefined where the client has taken a document for metadata that is not its server's own
   */
  learnFor(options: CoordinatedFetchOptions, metadata: { issuer: string } | undefined): void {
    const { read } = this.#memoryOf(options)
    const issuer = metadata && this.issuers.learn(metadataUrl(metadata.issuer), metadata)
    if (issuer === undefined) read.addUnknown()
    else read.add(issuer)
  }

  #memoryOf(options: CoordinatedFetchOptions): ClientMemory {
    const { session } = options
    const memory = this.#clients.get(session ?? options) ?? {
      refusedTokens: session?.refusedTokens ?? new RefusedTokens(),
      read: new ReadIssuers(),
    }
    this.#clients.set(session ?? options, memory)
    return memory
  }

  /** Waits for nobody's registration. */
  async #registration(issuer: string): Promise<ClientCredentials | null> {
    const credentials = await this.#records.getClient(issuer, 'client')
    if (credentials !== null) this.#registrations.remember(issuer, 'client', credentials)
    return credentials
  }
}

function checkFetch(fetch: unknown, options: unknown): void {
  if (fetch !== undefined && typeof fetch !== 'function') {
    throw new TypeError('coordinatedFetch takes a fetch function, or nothing for the global one')
  }
  const { authorizeAnew, session: _, ...others } = Object(options)
  if (options === null || typeof options !== 'object' || Object.keys(others).length > 0) {
    throw new TypeError('the only option of coordinatedFetch is authorizeAnew')
  }
  if (authorizeAnew !== undefined && typeof authorizeAnew !== 'function') {
    throw new TypeError('options.authorizeAnew must be a function')
  }
}

function globalFetch(): FetchLike {
  const { fetch } = globalThis as { fetch?: FetchLike }
  if (typeof fetch !== 'function') {
    throw new TypeError('fetch must be given where there is no global one, as on Node 16')
  }
  return (url, init) => fetch(url, init)
}
