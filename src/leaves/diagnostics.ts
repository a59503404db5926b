import { channel } from 'node:diagnostics_channel'

/**
 * Names of the `node:diagnostics_channel` channels. Messages are made only for subscribers and hold no token,
 * no key name and no url: a flight is named by the first digits of a SHA-256.
 */
export const CHANNELS = {
  /** {@link FlightEvent}: who does a piece of work, and who waits for it. */
  flight: 'atxp:redis:flight',
  /** {@link SessionEvent}: what became of a refresh or of a client registration. */
  session: 'atxp:redis:session',
  /** {@link OperationEvent}: one for each call of a method that asks Redis or others, when it ends. */
  operation: 'atxp:redis:operation',
  /** {@link ConnectionEvent}: what became of connections for commands. */
  connection: 'atxp:redis:connection',
  /** {@link CacheEvent}: what the near cache had, and when it keeps nothing. */
  cache: 'atxp:redis:cache',
  /** {@link ConfigurationEvent}: what of a configuration has no effect. */
  configuration: 'atxp:redis:configuration',
} as const

/** What a flight is for; `singleFlight`: work of a caller's own. */
export type FlightKind = 'refresh' | 'registration' | 'login' | 'singleFlight'

export interface FlightEvent {
  event: /** The lease was free: this process does the work. */
    | 'won'
    /** Another caller is at work: this one waits. */
    | 'waited'
    /** The lease came to a waiter, with no result of its former holder. */
    | 'tookOver'
    /** The result of another caller was there: no work done. */
    | 'reused'
    /** The lease could not be kept until the work was done. */
    | 'lost'
    /** The store failed and the work was done without a lease. */
    | 'uncoordinated'
    /** Neither lease nor result within `waitMs`. */
    | 'gaveUp'
  kind: FlightKind
  flight: string
  /** Since the call began. */
  elapsedMs: number
}

export interface SessionEvent {
  event: /** The authorization server renewed the tokens and they were saved. */
    | 'refreshed'
    /** The tokens were answered from a record that had been renewed already. */
    | 'refreshReused'
    /** The authorization server refused the refresh token, and its record was removed. */
    | 'refreshRefused'
    /** The record was removed before or during the refresh. */
    | 'refreshRecordGone'
    /** A refresh came to nothing: `status` says what the authorization server answered, or `code` why there is no answer. */
    | 'refreshFailed'
    /** The refresh token was never read from this database: its request went out uncoordinated. */
    | 'refreshUnknown'
    /** The refresh token of one issuer was to be sent to an endpoint of another: its request went out uncoordinated. */
    | 'refreshForeign'
    /** The refresh token is bound to a key of this process (DPoP): its request went out uncoordinated, and changes no record. */
    | 'refreshBound'
    /** A refresh was refused, and the SDK's class of the error that makes the same call authorize anew was not found. */
    | 'errorClassMissing'
    /** The authorization server failed, and is left in peace for `retryAfterMs`. */
    | 'resting'
    /** A refresh was not sent, because the authorization server is left in peace. */
    | 'refreshPutOff'
    /** New tokens could not be saved yet: `code` says why. They are offered to Redis again and again. */
    | 'saveRetried'
    /** A client was registered and its registration shared. */
    | 'registered'
    /** A registration was answered with what another caller had registered. */
    | 'registrationShared'
    /** A registration came to nothing: `status` says what the authorization server answered, or `code` why there is no answer. */
    | 'registrationFailed'
    /** The registration's endpoint is not known to be one authorization server's own: its request went out uncoordinated. */
    | 'registrationUnknown'
    /** There was no session, or none that could be renewed: this client logs in. */
    | 'loginNeeded'
    /** The same, and another process' login was taken. */
    | 'loginReused'
    /** This client has logged in: it saved a session. */
    | 'loggedIn'
    /** This client was sent to log in, and the authorization server let nobody in. */
    | 'loginFailed'
    /** The authorization server does not know the client any more: its registration was removed. */
    | 'clientForgotten'
    /** New tokens could not be saved and are lost, since Redis was away for too long or `close` ended the attempts. */
    | 'pairsLost'
    /** An operator ended all sessions of a user: `count` records were removed. */
    | 'userRevoked'
    /** An operator ended one session: `count` is 1, or 0 if there was none. */
    | 'sessionRevoked'
  /** HTTP status of the authorization server's answer, where there was one. */
  status?: number
  /** How many pairs were lost, or records removed. */
  count?: number
  /** Why something did not succeed: an error's code, or null where it has none. */
  code?: string | null
  /**
   * From the call to this event, in milliseconds and fractions of them: of a refresh, a registration, or the wait for another's login. Of `loggedIn` and
   * `loginFailed`: since the client was sent to log in.
   */
  durationMs?: number
  /** How long the authorization server is left in peace, in milliseconds. */
  retryAfterMs?: number
}

export interface OperationEvent {
  outcome: /** The call resolved. */
    | 'done'
    /** It rejected. */
    | 'failed'
  /** Of the database, as `storeToken`; `coordinatedFetch` for a refresh or registration through it. */
  method: string
  /** The error's; null where it has none: misuse, or an error of the caller's own. Absent when the call resolved. */
  code?: string | null
  /** From the call to its end, in milliseconds and fractions of them. */
  durationMs: number
}

export interface ConnectionEvent {
  event: /** For the first time. */
    | 'connected'
    /** After a connection was lost. */
    | 'reconnected'
    /** A connection ended, and the database is open. */
    | 'lost'
    /** An attempt to connect, or to have a password for it, failed: `code` says why, unless the client is borrowed. Of a Cluster: to one node. */
    | 'failed'
    /** A command got no answer within its time. */
    | 'timedOut'
    /** A command was sent to another node of a Cluster: slots have moved. */
    | 'redirected'
  code?: string
}

export interface CacheEvent {
  event: /** A record was in memory. */
    | 'hit'
    /** Redis had to be asked. */
    | 'miss'
    /** Redis said that records have changed: `count` of those in memory were dropped. */
    | 'invalidated'
    /** From now on every change is heard of, and records are kept. */
    | 'armed'
    /** A change may be missed, so nothing is kept. */
    | 'disarmed'
    /** Changes cost more than the copies spared, so nothing is kept for about a minute. */
    | 'rested'
  count?: number
}

export interface ConfigurationEvent {
  /** The URL has a parameter of another client's, which says nothing here. Published by the constructor. */
  event: 'urlParameterIgnored'
  /** The name of a parameter that is ignored. */
  parameter?: string
}

// Held here for the life of the process: Node keeps channels by weak reference only.
const flights = channel(CHANNELS.flight)
const sessions = channel(CHANNELS.session)
const operations = channel(CHANNELS.operation)
const connections = channel(CHANNELS.connection)
const cache = channel(CHANNELS.cache)
const configurations = channel(CHANNELS.configuration)

export function publishFlight(
  event: FlightEvent['event'],
  kind: FlightKind,
  name: string,
  elapsedMs: number,
): void {
  if (!flights.hasSubscribers) return
  const message: FlightEvent = { event, kind, flight: name.slice(0, 12), elapsedMs }
  flights.publish(message)
}

/** @param startedAtMs - when that began which the event ends, by `performance.now()` */
export function publishSession(
  event: SessionEvent['event'],
  facts: Omit<SessionEvent, 'event' | 'durationMs'> = {},
  startedAtMs?: number,
): void {
  if (!sessions.hasSubscribers) return
  const message: SessionEvent = { event, ...facts }
  if (startedAtMs !== undefined) message.durationMs = performance.now() - startedAtMs
  sessions.publish(message)
}

/** Asked before a call, so that nothing is measured for nobody. */
export function operationsAreWatched(): boolean {
  return operations.hasSubscribers
}

/** @param code - left out: the call resolved */
export function publishOperation(method: string, durationMs: number, code?: string | null): void {
  const message: OperationEvent =
    code === undefined
      ? { outcome: 'done', method, durationMs }
      : { outcome: 'failed', method, durationMs, code }
  operations.publish(message)
}

export function publishConnection(event: ConnectionEvent['event'], code?: string): void {
  if (!connections.hasSubscribers) return
  const message: ConnectionEvent = code === undefined ? { event } : { event, code }
  connections.publish(message)
}

// One message for all, since a read from memory costs little more than making one.
const HIT: CacheEvent = Object.freeze({ event: 'hit' })
const MISS: CacheEvent = Object.freeze({ event: 'miss' })

export function publishCacheRead(isHit: boolean): void {
  if (cache.hasSubscribers) cache.publish(isHit ? HIT : MISS)
}

export function publishCache(event: CacheEvent['event'], count?: number): void {
  if (!cache.hasSubscribers) return
  const message: CacheEvent = count === undefined ? { event } : { event, count }
  cache.publish(message)
}

export function publishUrlParameterIgnored(parameter: string): void {
  const message: ConfigurationEvent = { event: 'urlParameterIgnored', parameter }
  configurations.publish(message)
}
