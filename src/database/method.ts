import { publishOperation } from '../leaves/diagnostics.js'
import { codeIn, RedisOAuthDatabaseError } from '../leaves/errors.js'

/** What a method's calls tell of themselves. */
export interface Layer {
  /** How messages name the server. */
  readonly server: string
  /** A call less is under way. */
  ended(): void
  /** The time of events, by `performance.now()`. */
  now(): number
}

/**
 * How the calls of one method end. Made once a method, and its functions are handed to `then`: so a call makes no object
 * and no closure.
 */
export class Method {
  readonly name: string
  readonly #layer: Layer
  readonly resolved: <T>(value: T) => T
  readonly rejected: (error: unknown) => never

  constructor(layer: Layer, name: string) {
    this.#layer = layer
    this.name = name
    this.resolved = (value) => {
      layer.ended()
      return value
    }
    // An error that is made here, by a reaction of the very promise that the caller awaits, has the caller's frames in its
    // stack: V8 follows promises from reactions to those who wait, at no cost for calls that succeed.
    this.rejected = (error) => {
      layer.ended()
      throw this.failure(error, this.rejected)
    }
  }

  /**
   * What the caller gets. An error that is not ours, a caller's own or misuse, stays as it is.
   * @param above - its stack begins below this function
   */
  failure(error: unknown, above: (...args: never[]) => unknown): unknown {
    // A name stands already in what another call, made by the work of this one, failed with.
    if (!(error instanceof RedisOAuthDatabaseError) || error.operation !== undefined) return error
    const failure = error.named(this.name, this.#layer.server)
    Error.captureStackTrace(failure, above)
    return failure
  }
}

/** What a promise is told to do with its end. */
export interface Ends {
  resolved<T>(value: T): T
  rejected(error: unknown): never
}

/** Of one call of a method, while somebody listens. Two closures, since a class would take twice as long. */
export function watchedCall(layer: Layer, method: Method, startedAtMs: number): Ends {
  const rejected = (error: unknown): never => {
    layer.ended()
    throw watchedFailure(layer, method, startedAtMs, error, rejected)
  }
  return {
    resolved: (value) => {
      layer.ended()
      publishOperation(method.name, elapsedMs(layer, startedAtMs))
      return value
    },
    rejected,
  }
}

/** As `failure` of the method, and tells of it. */
export function watchedFailure(
  layer: Layer,
  method: Method,
  startedAtMs: number,
  error: unknown,
  above: (...args: never[]) => unknown,
): unknown {
  const failure = method.failure(error, above)
  publishOperation(method.name, elapsedMs(layer, startedAtMs), codeIn(failure))
  return failure
}

function elapsedMs(layer: Layer, startedAtMs: number): number {
  return Math.max(0, layer.now() - startedAtMs)
}
