import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { holdProcess, releaseProcess } from './lifeline.js'

const MAX_OUTPUT_CHARS = 50_000

export interface ProcessEnd {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A child that cannot outlive the tests, can be frozen, and whose output is at hand when something fails. */
export class OwnedProcess {
  readonly pid: number
  /** Settles when the process has ended and all that it said is in `output`. */
  readonly exited: Promise<ProcessEnd>
  #child: ChildProcess
  #output = ''
  #end: ProcessEnd | undefined

  constructor(child: ChildProcess) {
    // What cannot be started has no id, and says so below.
    child.on('error', () => undefined)
    const { pid } = child
    if (pid === undefined) throw new Error(`cannot start ${child.spawnfile}`)
    this.pid = pid
    this.#child = child
    holdProcess(pid)
    const ended = new Promise<ProcessEnd>((resolve) => {
      child.once('exit', (code, signal) => {
        releaseProcess(pid)
        this.#end = { code, signal }
        resolve(this.#end)
      })
    })
    // Not `close`, which never comes once the channel to a Node child was disconnected.
    const output = [child.stdout, child.stderr].map((stream) => this.#collect(stream))
    this.exited = Promise.all([ended, ...output]).then(([end]) => end)
  }

  get running(): boolean {
    return this.#end === undefined
  }

  /** The end of what it wrote to standard output and standard error. */
  get output(): string {
    return this.#output
  }

  /** Sends a signal and waits for nothing. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal)
  }

  /** Freezes the process: its sockets stay open and nobody answers. */
  pause(): void {
    this.signal('SIGSTOP')
  }

  resume(): void {
    this.signal('SIGCONT')
  }

  /** Sends a signal that ends the process, frozen or not, and waits until it has ended. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<ProcessEnd> {
    this.signal(signal)
    this.resume()
    return this.exited
  }

  #collect(stream: Readable | null): Promise<void> {
    return new Promise((resolve) => {
      if (stream === null) return resolve()
      stream.setEncoding('utf8')
      stream.on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT_CHARS)
      })
      stream.once('close', resolve)
    })
  }
}
