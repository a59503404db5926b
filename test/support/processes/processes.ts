import { type ChildProcess, spawn } from 'node:child_process'
import { OwnedProcess, type ProcessEnd } from './owned-process.js'

export interface ProcessesOptions {
  /** The module that each process runs: an `.mjs` file that calls `serve` of `process-child.mjs`. */
  entry: string
  /** @defaultValue 1 */
  count?: number
  args?: string[]
  /** Of Node itself. */
  flags?: string[]
  /** Environment variables on top of those of this process. */
  env?: Record<string, string>
  /** The Node binary; this process' own if left out. */
  node?: string
}

/** Starts real Node processes and comes back when all answer calls. They end with the tests, whatever happens. */
export async function startProcesses({
  entry,
  count = 1,
  args = [],
  flags = [],
  env = {},
  node = process.execPath,
}: ProcessesOptions): Promise<TestProcess[]> {
  const processes = Array.from({ length: count }, () => {
    const child = spawn(node, [...flags, entry, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Structured clone: dates, maps, buffers and `undefined` arrive as they are.
      serialization: 'advanced',
    })
    return new TestProcess(child)
  })
  try {
    await Promise.all(processes.map(({ ready }) => ready))
    return processes
  } catch (error) {
    await Promise.all(processes.map((each) => each.kill()))
    throw error
  }
}

interface Answer {
  ready?: true
  id?: number
  value?: unknown
  error?: { name?: string; message: string; stack?: string; code?: string }
}

interface Call {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class TestProcess extends OwnedProcess {
  /** Settles when the process answers calls. */
  readonly ready: Promise<void>
  #child: ChildProcess
  #calls = new Map<number, Call>()
  #lastId = 0

  constructor(child: ChildProcess) {
    super(child)
    this.#child = child
    this.ready = new Promise((resolve, reject) => {
      child.on('message', (answer: Answer) => {
        if (answer.ready) resolve()
        else this.#settle(answer)
      })
      const onExit = ({ code, signal }: ProcessEnd) => {
        const error = new Error(`the process ended (${signal ?? code}):\n${this.output}`)
        reject(error)
        for (const call of this.#calls.values()) call.reject(error)
        this.#calls.clear()
      }
      void this.exited.then(onExit)
    })
  }

  /** Calls a function of the process. An error comes back with its name, message and code. */
  call<T = unknown>(name: string, ...args: unknown[]): Promise<T> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      this.#calls.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#child.send({ id, name, args }, (error) => {
        if (error === null) return
        this.#calls.delete(id)
        reject(error)
      })
    })
  }

  /** Calls no more and waits until the process ends by itself, as it does if nothing in it keeps it alive. */
  async finish(): Promise<ProcessEnd> {
    if (this.#child.connected) this.#child.disconnect()
    return this.exited
  }

  #settle({ id = 0, value, error }: Answer): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (error === undefined) call?.resolve(value)
    else call?.reject(Object.assign(new Error(error.message), error))
  }
}
