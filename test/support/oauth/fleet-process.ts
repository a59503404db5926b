import type { AccessToken, FetchLike, OAuthDb, PKCEValues } from '@atxp/common'
import { Flights } from '../../../src/flight/single-flight.js'
import type { Clock } from '../../../src/leaves/clock.js'
import {
  type CoordinatedFetchParts,
  createCoordinatedFetch,
} from '../../../src/oauth/coordinated-fetch.js'
import { Echoes } from '../../../src/oauth/places/echoes.js'
import { type Place, TokenPlaces } from '../../../src/oauth/places/token-places.js'
import type { ClientSession } from '../../../src/oauth/session/client-session.js'
import type { FlightTiming } from '../../../src/oauth/timing.js'
import { Issuers } from '../../../src/oauth/trust/issuers.js'
import { ReadIssuers } from '../../../src/oauth/trust/read-issuers.js'
import type { MemoryStore } from './memory-store.js'
import { METADATA, METADATA_URL, type StrictServer, TOKEN_URL } from './strict-server.js'

export interface FleetProcess {
  db: OAuthDb
  flights: Flights
  places: TokenPlaces
  fetch: FetchLike
  /** Refreshes as the SDK does: read, ask, save. Gives the status of the answer. */
  refresh(url?: string, extra?: Record<string, string>): Promise<number>
}

export interface ProcessOptions {
  /** Whether it has read the metadata of the authorization server; true unless told otherwise. */
  knowsIssuer?: boolean
  authorizeAnew?: (place: Place) => Promise<Error | null> | Error | null
  timing?: Partial<FlightTiming>
  /** When it is closed, by `performance.now()`. */
  closesAtMs?: () => number
  /** The client that its `fetch` is of. */
  session?: ClientSession
}

export const USER = 'base:0xabc'
export const URL_OF_TOKEN = 'https://mcp.example/mcp'

/** Looked up at each call, so that a test may hold the time. */
const clock: Clock = {
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}

/** One process of a fleet: it shares nothing with others but the store and the server. */
export function startProcess(
  store: MemoryStore,
  server: StrictServer,
  options: ProcessOptions = {},
): FleetProcess {
  const places = new TokenPlaces()
  const echoes = new Echoes()
  const flights = new Flights(store)
  const { authorizeAnew, timing, closesAtMs, knowsIssuer = true, session } = options
  const issuers = new Issuers()
  const records = databaseOf(store, places, echoes, issuers)
  const db = session?.watch(records) ?? records
  const read = new ReadIssuers()
  if (knowsIssuer) {
    issuers.learn(new URL(METADATA_URL), METADATA)
    read.add(METADATA.issuer)
  }
  const parts: CoordinatedFetchParts = {
    fetch: server.fetch,
    flights,
    loginFlights: flights,
    records: store,
    registrations: store,
    rests: store,
    places,
    echoes,
    clock,
    issuers,
    read,
    ...(timing ? { timing } : {}),
    ...(closesAtMs && { closesAtMs }),
    ...(session && {
      refusedTokens: session.refusedTokens,
      client: { session, registration: records.getClientCredentials },
    }),
  }
  if (session) session.refreshFetch = createCoordinatedFetch(parts)
  const fetch = createCoordinatedFetch({ ...parts, ...(authorizeAnew ? { authorizeAnew } : {}) })
  return {
    db,
    flights,
    places,
    fetch,
    async refresh(url = URL_OF_TOKEN, extra = {}) {
      let read = await db.getAccessToken(USER, url)
      for (let above = parentOf(url); !read && above; above = parentOf(above)) {
        read = await db.getAccessToken(USER, above)
      }
      if (!read?.refreshToken) throw new Error('no refresh token to be had')
      const answer = await fetch(TOKEN_URL, refreshInit(read.refreshToken, extra))
      if (answer.status !== 200) return answer.status
      const body = await answer.json()
      const expiresAt = body.expires_in ? Date.now() + body.expires_in * 1000 : undefined
      await db.saveAccessToken(USER, url, {
        resourceUrl: read.resourceUrl,
        accessToken: body.access_token,
        refreshToken: body.refresh_token,
        ...(expiresAt === undefined ? {} : { expiresAt }),
      })
      return answer.status
    },
  }
}

export function refreshInit(refreshToken: string, extra: Record<string, string> = {}): RequestInit {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: 'client-0',
    ...extra,
  })
  return { method: 'POST', body }
}

function parentOf(url: string): string | null {
  const parsed = new URL(url)
  parsed.pathname = parsed.pathname.replace(/\/[^/]+$/, '')
  return parsed.toString() === url ? null : parsed.toString()
}

/** The store as an `OAuthDb`, with the two lines that the coordinated fetch asks of it. */
function databaseOf(
  store: MemoryStore,
  places: TokenPlaces,
  echoes: Echoes,
  issuers: Issuers,
): OAuthDb {
  const pkce = new Map<string, PKCEValues>()
  return {
    async getAccessToken(userId, url): Promise<AccessToken | null> {
      const stored = await store.read({ userId, url })
      if (stored) places.remember(userId, url, stored.token, stored.origin)
      return stored?.token ?? null
    },
    async saveAccessToken(userId, url, token) {
      if (echoes.take(userId, url, token)) return
      const origin = issuers.issuedBy(token.accessToken)
      if (origin) store.origins.set(token.accessToken, origin)
      await store.save(userId, url, token)
    },
    getClientCredentials: async (server) => store.clients.get(server) ?? null,
    async saveClientCredentials(server, credentials) {
      store.clients.set(server, credentials)
    },
    getPKCEValues: async (userId, state) => pkce.get(userId + state) ?? null,
    async savePKCEValues(userId, state, values) {
      pkce.set(userId + state, values)
    },
    close: async () => undefined,
  }
}
