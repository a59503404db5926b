import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { cleanUpLater, expectedError } from '../../scripts/cleanup.mjs'

/** A process of `bench/processes`, and calls to the functions that it serves. */
export class Worker {
  #child
  #calls = new Map()
  #lastId = 0
  #ended

  constructor(name) {
    const file = fileURLToPath(new URL(`../processes/${name}.mjs`, import.meta.url))
    this.#child = fork(file, [], { serialization: 'advanced' })
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        const error = expectedError(`A process of the benchmark ended (${name}).`)
        for (const { reject } of this.#calls.values()) reject(error)
        resolve()
      })
    })
    this.#child.on('message', (answer) => this.#settle(answer))
    cleanUpLater(() => this.end())
  }

  call(name, ...args) {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject })
      this.#child.send({ id, name, args }, (error) => error && reject(error))
    })
  }

  /** Hangs up; a process of the benchmark ends then. */
  end() {
    if (this.#child.connected) this.#child.disconnect()
    return this.#ended
  }

  // Its first message, which has no id, says that it is ready: what was sent before has waited.
  #settle({ id = 0, value, error }) {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (error === undefined) call?.resolve(value)
    else call?.reject(Object.assign(new Error(error.message), { stack: error.stack }))
  }
}
