import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { cleanUpLater, expectedError } from '../cleanup.mjs'

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url))

/** A process of the demonstration: its name on the screen, and calls to the database that it holds. */
export class Actor {
  #child
  #calls = new Map()
  #lastId = 0
  #ended

  constructor(name, tint, { url, keyPrefix }) {
    this.name = name
    this.tint = tint
    this.label = tint(name)
    const env = { ...process.env, REDIS_URL: url, KEY_PREFIX: keyPrefix }
    this.#child = fork(WORKER, [], { env, serialization: 'advanced' })
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        for (const { reject } of this.#calls.values()) {
          reject(expectedError(`A process of the demonstration ended (pid ${this.pid}).`))
        }
        resolve()
      })
    })
    this.#child.on('message', (message) => this.#receive(message))
    cleanUpLater(() => this.end())
  }

  get pid() {
    return this.#child.pid
  }

  /** Calls one of the worker's commands and gives its result and how long it took there. */
  call(name, args = [], onProgress = () => {}) {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject, onProgress })
      this.#child.send({ id, name, args }, (error) => {
        // It was hung up on, since the demonstration is ending.
        if (error) reject(expectedError(error.message))
      })
    })
  }

  /** Hangs up; the worker closes its database and ends by itself. */
  end() {
    if (this.#child.connected) this.#child.disconnect()
    return this.#ended
  }

  #receive({ id, progress, failure, result, ms }) {
    const call = this.#calls.get(id)
    if (progress !== undefined) return call.onProgress(progress)
    this.#calls.delete(id)
    if (failure === undefined) call.resolve({ result, ms })
    else call.reject(expectedError(failure))
  }
}
