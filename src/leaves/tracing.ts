import * as diagnostics from 'node:diagnostics_channel'

/**
 * Names for `tracingChannel` of `node:diagnostics_channel`, which Node has from 18.19 on: {@link TraceEvent}. A span can be made of each, and is by
 * `startMetrics({ spans: true })` of `@atxp/redis/metrics`.
 */
export const TRACING_CHANNELS = {
  /** Each call of a method, also one that memory answers. */
  operation: 'atxp:redis:operation',
  /** Each refresh, within the call that it is part of. */
  refresh: 'atxp:redis:refresh',
} as const

/** One object from the beginning to the end. */
export interface TraceEvent {
  /** The method; of a refresh `refresh`. */
  readonly operation: string
  /** Of a failure: the error's code; null where it has none. */
  code?: string | null
  /** Of a refresh: the HTTP status that its caller gets. */
  status?: number
}

interface Traced {
  publish(message: TraceEvent): void
  readonly hasSubscribers: boolean
  runStores<T>(message: TraceEvent, work: () => T): T
}

type Phases = Readonly<Record<'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error', Traced>>

/** Tells of work from its beginning to its end. Where Node cannot do that, nobody is told. */
class Trace {
  readonly #phases: Phases | undefined

  constructor(name: string) {
    // Not in the types of Node 16.
    const { tracingChannel } = diagnostics as { tracingChannel?: (name: string) => Phases }
    const phases = tracingChannel?.(name)
    if (typeof phases?.start.runStores === 'function') this.#phases = phases
  }

  get isWatched(): boolean {
    if (this.#phases === undefined) return false
    const { start, end, asyncStart, asyncEnd, error } = this.#phases
    return (
      start.hasSubscribers ||
      asyncEnd.hasSubscribers ||
      error.hasSubscribers ||
      end.hasSubscribers ||
      asyncStart.hasSubscribers
    )
  }

  /**
   * As `tracePromise` of Node, which would show everyone the result and the error.
   * @param code - of an error
   */
  run<T>(
    operation: string,
    work: () => Promise<T>,
    code: (error: unknown) => string | null,
    status?: (value: T) => number,
  ): Promise<T> {
    if (!this.isWatched || this.#phases === undefined) return work()
    const { start, end, asyncStart, asyncEnd, error: failed } = this.#phases
    const message: TraceEvent = { operation }
    const settle = (): void => {
      asyncStart.publish(message)
      asyncEnd.publish(message)
    }
    const begin = (): Promise<T> => {
      const promise = work()
      end.publish(message)
      return promise.then(
        (value) => {
          if (status !== undefined) message.status = status(value)
          settle()
          return value
        },
        (error: unknown) => {
          message.code = code(error)
          failed.publish(message)
          settle()
          throw error
        },
      )
    }
    return start.runStores(message, begin)
  }
}

export const operationTrace: Trace = new Trace(TRACING_CHANNELS.operation)
export const refreshTrace: Trace = new Trace(TRACING_CHANNELS.refresh)
