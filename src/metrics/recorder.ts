import * as diagnostics from 'node:diagnostics_channel'
import type { Operations } from '../database/operations.js'
import { allOperations } from '../database/operations-of.js'
import {
  type CacheEvent,
  CHANNELS,
  type ConnectionEvent,
  type FlightEvent,
  type OperationEvent,
  type SessionEvent,
} from '../leaves/diagnostics.js'
import { Families } from './families.js'
import type { Durations } from './series.js'

const FLIGHTS = {
  waited: 'waits',
  tookOver: 'takeovers',
  lost: 'losses',
  gaveUp: 'giveUps',
  uncoordinated: 'uncoordinated',
  won: undefined,
  reused: undefined,
} as const

const CONNECTIONS = {
  connected: 'connections',
  reconnected: 'reconnects',
  lost: 'connectionsLost',
  failed: 'connectionFailures',
  timedOut: 'timeouts',
  redirected: 'redirections',
} as const

/** What databases count by themselves, as of the last look. */
interface Seen {
  disarmedMs: number
  /** By key. */
  readonly seals: Map<string, number>
}

/** Counts what the channels tell, and looks at the databases for what they do not. */
export class Recorder {
  readonly families: Families = new Families()
  readonly #seen = new WeakMap<Operations, Seen>()

  /** Returns what ends it. */
  start(): () => void {
    const listeners: readonly (readonly [channel: string, listen: (message: unknown) => void])[] = [
      [CHANNELS.operation, noteOperations(this.families.operations)],
      [CHANNELS.session, (message) => this.#noteSession(message as SessionEvent)],
      [CHANNELS.flight, (message) => this.#noteFlight(message as FlightEvent)],
      [CHANNELS.connection, (message) => this.#noteConnection(message as ConnectionEvent)],
      [CHANNELS.cache, (message) => this.#noteCache(message as CacheEvent)],
    ]
    const channels = listeners.map(([name, listen]) => {
      // Held until the end: Node keeps channels by weak reference only.
      const channel = diagnostics.channel(name)
      channel.subscribe(listen)
      return () => channel.unsubscribe(listen)
    })
    return () => {
      for (const unsubscribe of channels) unsubscribe()
    }
  }

  /** To be called before the numbers are read. */
  look(): void {
    const { unsavedPairs, disarmedSeconds, keySeals, keyLimits } = this.families
    let unsaved = 0
    for (const operations of allOperations()) {
      const { coordination, cache, sealer } = operations.parts
      const seen = this.#seen.get(operations) ?? { disarmedMs: 0, seals: new Map() }
      this.#seen.set(operations, seen)
      if (!operations.hasEnded) {
        unsaved += coordination.unsavedPairs
        const disarmedMs = cache?.disarmedMs ?? 0
        disarmedSeconds.add((disarmedMs - seen.disarmedMs) / 1_000)
        seen.disarmedMs = disarmedMs
      }
      // Of a database that was closed since the last look as well.
      for (const { id, sealed, maxSeals } of sealer?.usage() ?? []) {
        keySeals.add(sealed - (seen.seals.get(id) ?? 0), id)
        seen.seals.set(id, sealed)
        keyLimits.set(maxSeals, id)
      }
    }
    unsavedPairs.set(unsaved)
  }

  #noteSession(event: SessionEvent): void {
    const { refreshes, registrations, logins, ...others } = this.families
    for (const work of [refreshes, registrations, logins]) work.note(event)
    const { rests, saveRetries, pairsLost, clientsForgotten } = others
    if (event.event === 'resting') rests.add()
    if (event.event === 'saveRetried') saveRetries.add(1, event.code ?? '')
    if (event.event === 'pairsLost') pairsLost.add(event.count)
    if (event.event === 'clientForgotten') clientsForgotten.add()
  }

  #noteFlight({ event, kind }: FlightEvent): void {
    const name = FLIGHTS[event]
    if (name !== undefined) this.families[name].add(1, kind)
  }

  #noteConnection({ event, code }: ConnectionEvent): void {
    // A later copy of the package, in the same process, may know further events.
    if (event in CONNECTIONS) this.families[CONNECTIONS[event]].add(1, code)
  }

  #noteCache({ event, count }: CacheEvent): void {
    const { cacheRequests, cacheRests, invalidations } = this.families
    if (event === 'hit' || event === 'miss') cacheRequests.add(1, event)
    if (event === 'invalidated') invalidations.add(count)
    if (event === 'rested') cacheRests.add()
  }
}

// Called for each call that asks Redis: one that resolves makes nothing here.
function noteOperations(operations: Durations): (message: unknown) => void {
  return (message) => {
    const { method, outcome, code, durationMs } = message as OperationEvent
    const key = outcome === 'done' ? method : `${method} ${code}`
    const series =
      operations.get(key) ?? operations.begin(key, { method, outcome, code: code ?? '' })
    operations.observe(series, durationMs)
  }
}
