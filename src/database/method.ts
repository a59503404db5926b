import { publishOperation } from '../diagnostics.js'
import { codeIn, RedisOAuthDatabaseError } from '../errors.js'

/** What a method's calls tell of themselves. */
interface Layer {
  /** How messages name the server. */
  readonly server: string
  /** A call less is under way. */
  ended(): void
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
      return this.known(value)
    }
    // An error that is made here, by a reaction of the very promise that the caller awaits, has the caller's frames in its
    // stack: V8 follows promises from reactions to those who wait, at no cost for calls that succeed.
    this.rejected = (error) => {
      layer.ended()
      throw this.failure(error, this.rejected)
    }
  }

  /** To be told of a result that needed no waiting. */
  known<T>(value: T): T {
    return value
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

/** One call, while somebody listens. */
export class WatchedCall extends Method {
  readonly #startedAt: number = performance.now()

  override known<T>(value: T): T {
    publishOperation(this.name, performance.now() - this.#startedAt)
    return value
  }

  override failure(error: unknown, above: (...args: never[]) => unknown): unknown {
    const failure = super.failure(error, above)
    publishOperation(this.name, performance.now() - this.#startedAt, codeIn(failure))
    return failure
  }
}
