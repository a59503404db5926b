import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { hideSecrets } from './secrets.js'

const MAX_LINE_CHARS = 100_000
const MAX_STDERR_CHARS = 2_000
/** So long a process may take to end by itself once its standard input has ended. */
const MOST_FAREWELL_MS = 1_000

/** What a process is asked, one JSON object a line. */
export type Request =
  | { type: 'call'; server: string }
  | { type: 'finish'; server: string; callback: string }

/** What a call came to. `answer` is the text of the tool, `login` the URL where the user has to log in. */
export type Outcome =
  | { kind: 'answer'; text: string }
  | { kind: 'login'; url: string }
  | { kind: 'error'; message: string }

export interface Command {
  command: readonly string[]
  cwd: string | undefined
  env: Record<string, string | undefined>
  timeoutMs: number
}

/** One process of the client that is judged. Nothing that it does or prints makes a method of this class reject. */
export class ClientProcess {
  readonly number: number
  readonly #child: ChildProcess
  readonly #timeoutMs: number
  readonly #exited: Promise<void>
  #becomeReady: () => void = () => undefined
  readonly #ready: Promise<void>
  readonly #waiting = new Map<number, (outcome: Outcome) => void>()
  #lastId = 0
  #stderr = ''
  #ended: string | undefined
  #killed = false
  #isGone = false

  constructor(number: number, { command, cwd, env, timeoutMs }: Command) {
    const [program = '', ...args] = command
    this.number = number
    this.#timeoutMs = timeoutMs
    this.#ready = new Promise((resolve) => {
      this.#becomeReady = resolve
    })
    // A group of its own, so that what the command starts ends with it.
    this.#child = spawn(program, args, { cwd, env, detached: true, windowsHide: true })
    this.#exited = new Promise((resolve) => {
      const end = (how: string) => {
        this.#end(how)
        // What it has started ends with it. Later its id may be another's.
        this.#killGroup()
        this.#isGone = true
        resolve()
      }
      this.#child.once('error', (error) => end(`cannot be started: ${error.message}`))
      this.#child.once('exit', (code, signal) => end(`ended with ${signal ?? `code ${code}`}`))
    })
    this.#child.stdin?.on('error', () => undefined)
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR_CHARS)
    })
    this.#readLines()
  }

  /** Why it cannot be asked any more: it has ended, or did not answer in time. Undefined for a process that is well. */
  get failure(): string | undefined {
    if (this.#ended === undefined || this.#killed) return undefined
    const lines = this.#stderr.trim().split('\n').reverse()
    // Node prints a stack and its version below the error.
    const words = lines.find((line) => /^\S*Error/.test(line)) ?? lines[0]
    const said = words ? `, its last words: ${words.slice(0, 300)}` : ''
    return hideSecrets(`process ${this.number} ${this.#ended}${said}`)
  }

  get killed(): boolean {
    return this.#killed
  }

  /** Resolves when it says that it is ready, and after the time limit or its end, too: then it has a `failure`. */
  async start(): Promise<void> {
    const notReady = `was not ready within ${this.#timeoutMs} ms`
    const inTime = await this.#within(Promise.race([this.#ready, this.#exited]).then(() => true))
    if (inTime === undefined) this.#giveUp(notReady)
  }

  async ask(request: Request): Promise<Outcome> {
    if (this.#ended !== undefined) return { kind: 'error', message: this.#ended }
    const id = ++this.#lastId
    const asked = new Promise<Outcome>((resolve) => this.#waiting.set(id, resolve))
    this.#child.stdin?.write(`${JSON.stringify({ id, ...request })}\n`)
    const outcome = await this.#within(asked)
    if (outcome !== undefined) return outcome
    return this.#giveUp(`did not answer within ${this.#timeoutMs} ms`)
  }

  /** Ends it as a crash would. */
  kill(): void {
    this.#killed = true
    this.#end('was killed')
    this.#killGroup()
  }

  /** Ends its standard input, and kills it if it does not end then. */
  async stop(): Promise<void> {
    this.#killed ||= this.#ended === undefined
    this.#child.stdin?.end()
    await this.#within(this.#exited, MOST_FAREWELL_MS)
    this.#killGroup()
    await this.#within(this.#exited, MOST_FAREWELL_MS)
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      stream?.destroy()
    }
  }

  #killGroup(): void {
    const { pid } = this.#child
    if (pid === undefined || this.#isGone) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      this.#child.kill('SIGKILL')
    }
  }

  #giveUp(why: string): Outcome {
    this.#end(why)
    this.#killGroup()
    return { kind: 'error', message: why }
  }

  #end(how: string): void {
    this.#ended ??= how
    for (const settle of this.#waiting.values()) settle({ kind: 'error', message: how })
    this.#waiting.clear()
  }

  #readLines(): void {
    const { stdout } = this.#child
    if (stdout === null) return
    // Lines that are none of the protocol are the client's own output. A line without an end must not fill the memory.
    let lineChars = 0
    stdout.setEncoding('utf8').on('data', (text: string) => {
      const lastBreak = text.lastIndexOf('\n')
      lineChars = lastBreak < 0 ? lineChars + text.length : text.length - lastBreak
      if (lineChars <= MAX_LINE_CHARS) return
      this.#giveUp(`printed a line of over ${MAX_LINE_CHARS} characters`)
      stdout.destroy()
    })
    createInterface({ input: stdout }).on('line', (line) => this.#read(line))
  }

  #read(line: string): void {
    const { ready, id, ...rest } = parseObject(line)
    if (ready === true) this.#becomeReady()
    const settle = this.#waiting.get(Number(id))
    const outcome = outcomeOf(rest)
    if (settle === undefined || outcome === undefined) return
    this.#waiting.delete(Number(id))
    settle(outcome)
  }

  /** Undefined where the time is over first. */
  async #within<T>(work: Promise<T>, timeoutMs: number = this.#timeoutMs): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeoutMs)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }
}

function outcomeOf({ answer, login, error }: Record<string, unknown>): Outcome | undefined {
  if (typeof answer === 'string') return { kind: 'answer', text: answer }
  if (typeof login === 'string') return { kind: 'login', url: login }
  if (typeof error === 'string') return { kind: 'error', message: error }
  return undefined
}

function parseObject(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
