/**
 * @typedef {'before' | 'after'} FaultPoint before or after the server has acted on the request
 * @typedef {{ grantType?: string, point: FaultPoint }} FaultTarget
 * @typedef {{ id: number, grantType: string, point: FaultPoint, timesLeft: number, status: number | null,
 *   reached: Promise<void>, markReached: () => void, released: Promise<void>, release: () => void }} Fault
 */

/** What a test arms against the next token requests: hold one at an exact point, or answer some with an error status. */
export class TokenFaults {
  /** @type {Map<number, Fault>} */
  #faults = new Map()
  #lastId = 0

  /**
   * Holds one request at the point until `release`. `reached` tells when it stands there.
   * @param {FaultTarget} target
   * @returns {number} its id
   */
  hold(target) {
    return this.#arm(target, 1, null)
  }

  /**
   * Answers the next `times` requests with `status`, before the server acts or after it did (its work is done, the answer lost).
   * @param {FaultTarget & { times?: number, status?: number }} options
   * @returns {number} its id
   */
  fail({ times = 1, status = 503, ...target }) {
    return this.#arm(target, times, status)
  }

  /** @param {number} id */
  async reached(id) {
    await this.#get(id).reached
  }

  /** @param {number} id */
  release(id) {
    this.#get(id).release()
  }

  /** Ends every fault and lets go of what is held. */
  clear() {
    for (const fault of this.#faults.values()) fault.release()
    this.#faults.clear()
  }

  /**
   * @param {FaultPoint} point
   * @param {string} grantType
   * @returns {Promise<number | null>} the status to answer with, null to go on
   */
  async meet(point, grantType) {
    const fault = [...this.#faults.values()].find(
      (armed) => armed.timesLeft > 0 && armed.point === point && armed.grantType === grantType,
    )
    if (!fault) return null
    fault.timesLeft -= 1
    fault.markReached()
    if (fault.status === null) await fault.released
    return fault.status
  }

  /**
   * @param {FaultTarget} target
   * @param {number} times
   * @param {number | null} status
   */
  #arm({ grantType = 'refresh_token', point }, times, status) {
    this.#lastId += 1
    const [reached, markReached] = createSignal()
    const [released, release] = createSignal()
    const id = this.#lastId
    this.#faults.set(id, {
      id,
      grantType,
      point,
      timesLeft: times,
      status,
      reached,
      markReached,
      released,
      release,
    })
    return id
  }

  /** @param {number} id */
  #get(id) {
    const fault = this.#faults.get(id)
    if (!fault) throw new TypeError(`No fault has the id ${id}`)
    return fault
  }
}

/** @returns {[Promise<void>, () => void]} */
function createSignal() {
  let give = () => {}
  const signal = new Promise((resolve) => {
    give = () => resolve(undefined)
  })
  return [/** @type {Promise<void>} */ (signal), give]
}
