/** Before or after the server has acted on the request. */
export type FaultPoint = 'before' | 'after'

export interface FaultTarget {
  /** @defaultValue `'refresh_token'` */
  grantType?: string
  point: FaultPoint
}

export interface Failing extends FaultTarget {
  /** @defaultValue 1 */
  times?: number
  /** @defaultValue 503 */
  status?: number
  headers?: Record<string, string>
}

/** How a token request is answered in place of the server. */
export interface FaultAnswer {
  status: number
  headers: Record<string, string>
}

interface Fault {
  grantType: string
  point: FaultPoint
  timesLeft: number
  answer: FaultAnswer | null
  reached: Signal
  released: Signal
}

interface Signal {
  given: Promise<void>
  give(): void
}

/** What is armed against the next token requests: hold one at an exact point, or answer some with an error status. */
export class TokenFaults {
  #faults = new Map<number, Fault>()
  #lastId = 0

  /**
   * Holds one request at the point until `release`. `reached` tells when it stands there.
   * @returns its id
   */
  hold(target: FaultTarget): number {
    return this.#arm(target, 1, null)
  }

  /**
   * Answers the next `times` requests with `status`, before the server acts or after it did (its work is done, the answer lost).
   * @returns its id
   */
  fail({ times = 1, status = 503, headers = {}, ...target }: Failing): number {
    return this.#arm(target, times, { status, headers })
  }

  async reached(id: number): Promise<void> {
    await this.#get(id).reached.given
  }

  release(id: number): void {
    this.#get(id).released.give()
  }

  /** Ends every fault and lets go of what is held. */
  clear(): void {
    for (const fault of this.#faults.values()) fault.released.give()
    this.#faults.clear()
  }

  /** What to answer in place of the server, null to go on. */
  async meet(point: FaultPoint, grantType: string): Promise<FaultAnswer | null> {
    const fault = [...this.#faults.values()].find(
      (armed) => armed.timesLeft > 0 && armed.point === point && armed.grantType === grantType,
    )
    if (!fault) return null
    fault.timesLeft -= 1
    fault.reached.give()
    if (fault.answer === null) await fault.released.given
    return fault.answer
  }

  #arm(
    { grantType = 'refresh_token', point }: FaultTarget,
    timesLeft: number,
    answer: FaultAnswer | null,
  ): number {
    this.#lastId += 1
    const [reached, released] = [createSignal(), createSignal()]
    this.#faults.set(this.#lastId, { grantType, point, timesLeft, answer, reached, released })
    return this.#lastId
  }

  #get(id: number): Fault {
    const fault = this.#faults.get(id)
    if (!fault) throw new TypeError(`No fault has the id ${id}`)
    return fault
  }
}

function createSignal(): Signal {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give }
}
