import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atEnd } from './at-end.js'
import { authorize } from './browser.js'
import { ClientProcess, type Command, type Outcome } from './processes.js'
import { hideSecrets } from './secrets.js'
import { AuthorizationServer } from './servers/authorization-server.js'
import { type McpServer, startMcpServer } from './servers/mcp-server.js'

export const USER = 'referee-user'
const REDIRECT_URL = 'http://127.0.0.1/callback'
/** A user whose login fails tries again in the same process. */
const MAX_LOGIN_TRIES = 3
const MAX_MESSAGES = 5
const MAX_MESSAGE_CHARS = 300

export interface FleetOptions extends Command {
  processes: number
  signal: AbortSignal | undefined
}

interface CallOptions {
  /** The first process calls at once, the last so much later. */
  spreadMs?: number
  /** There is no session, so that a call may ask the user to log in. */
  mayLogIn?: boolean
}

/** The processes of one scenario and the servers between which they stand. All of it is new. */
export class Fleet {
  readonly authorizationServer: AuthorizationServer
  readonly mcpServer: McpServer
  readonly processes: readonly ClientProcess[]
  readonly #directory: string
  readonly #signal: AbortSignal | undefined
  readonly #messages = new Set<string>()
  readonly #forgetEnd: () => void
  readonly #onStop: (() => Promise<void>)[] = []
  #callsMade = 0
  #callsLost = 0

  private constructor(
    authorizationServer: AuthorizationServer,
    mcpServer: McpServer,
    directory: string,
    { processes, signal, ...command }: FleetOptions,
  ) {
    this.authorizationServer = authorizationServer
    this.mcpServer = mcpServer
    this.#directory = directory
    this.#signal = signal
    const env = {
      ...command.env,
      REFEREE_USER: USER,
      REFEREE_REDIRECT_URL: REDIRECT_URL,
      REFEREE_DIRECTORY: directory,
    }
    this.processes = Array.from(
      { length: processes },
      (_, index) => new ClientProcess(index + 1, { ...command, env }),
    )
    // What the referee has started ends with it, also where it is ended.
    this.#forgetEnd = atEnd(this.#killAll)
    signal?.addEventListener('abort', this.#killAll)
    if (signal?.aborted) this.#killAll()
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const authorizationServer = await AuthorizationServer.start({ consent: () => USER })
    authorizationServer.configure({ requireState: false })
    const { issuer, introspect } = authorizationServer
    const mcpServer = await startMcpServer({ issuer, introspect })
    let directory: string | undefined
    try {
      directory = await mkdtemp(join(tmpdir(), 'atxp-referee-'))
      const fleet = new Fleet(authorizationServer, mcpServer, directory, options)
      await Promise.all(fleet.processes.map((each) => each.start()))
      return fleet
    } catch (error) {
      // A temporary folder that cannot be made, or what Node refuses to start at all, such as a NUL in an argument.
      await Promise.all([authorizationServer.stop(), mcpServer.stop()])
      if (directory !== undefined) await rm(directory, { recursive: true, force: true })
      throw error
    }
  }

  /** All but those that a scenario has killed. */
  get inPlay(): readonly ClientProcess[] {
    return this.processes.filter(({ killed }) => !killed)
  }

  get callsMade(): number {
    return this.#callsMade
  }

  get callsLost(): number {
    return this.#callsLost
  }

  /** What calls failed with, and processes. */
  get messages(): readonly string[] {
    const failures = this.processes.flatMap(({ failure }) => failure ?? [])
    return [...failures.slice(0, MAX_MESSAGES), ...this.#messages]
  }

  /** One process has its user log in, the others find the session. */
  async share(): Promise<void> {
    await this.call(this.processes.slice(0, 1), { mayLogIn: true })
    await this.call(this.processes.slice(1), { mayLogIn: true })
  }

  /**
   * Each process calls once. A call that asks for a login is made again once the user has logged in, which happens in one
   * process after the other, in those that ask even then.
   */
  async call(
    processes: readonly ClientProcess[] = this.inPlay,
    { spreadMs = 0, mayLogIn = false }: CallOptions = {},
  ): Promise<void> {
    this.#callsMade += processes.length
    const first = await this.ask(processes, { spreadMs })
    const last = await this.#logIn(processes, first)
    first.forEach((outcome, index) => {
      const end = last[index]
      if (end?.kind === 'error') this.#note(end.message)
      const isLost = end?.kind !== 'answer' || (!mayLogIn && outcome.kind === 'login')
      if (isLost) this.#callsLost += 1
    })
  }

  /** Counts calls that others than `call` made. */
  count(made: number, lost: number): void {
    this.#callsMade += made
    this.#callsLost += lost
  }

  /** Each process is asked once, and nobody logs in. */
  async ask(
    processes: readonly ClientProcess[],
    { spreadMs = 0, server = this.mcpServer.url() }: { spreadMs?: number; server?: string } = {},
  ): Promise<Outcome[]> {
    this.#throwIfAborted()
    const apartMs = spreadMs / Math.max(processes.length - 1, 1)
    return await Promise.all(
      processes.map(async (each, index) => {
        if (spreadMs > 0) await delay(index * apartMs)
        const outcome = await each.ask({ type: 'call', server })
        return server === this.mcpServer.url() ? judge(outcome) : outcome
      }),
    )
  }

  onStop(end: () => Promise<void>): void {
    this.#onStop.push(end)
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((each) => each.stop()))
    this.#forgetEnd()
    this.#signal?.removeEventListener('abort', this.#killAll)
    const { authorizationServer, mcpServer } = this
    await Promise.all([authorizationServer.stop(), mcpServer.stop()])
    await Promise.all(this.#onStop.map((end) => end()))
    await rm(this.#directory, { recursive: true, force: true })
  }

  #killAll = (): void => {
    for (const each of this.processes) each.kill()
  }

  async #logIn(processes: readonly ClientProcess[], first: Outcome[]): Promise<Outcome[]> {
    const outcomes = [...first]
    for (const [index, each] of processes.entries()) {
      let outcome = outcomes[index]
      if (outcome?.kind !== 'login') continue
      for (let tries = 0; tries < MAX_LOGIN_TRIES && outcome?.kind === 'login'; tries += 1) {
        await this.#finishLogin(each, outcome.url)
        outcome = (await this.ask([each]))[0]
      }
      if (outcome !== undefined) outcomes[index] = outcome
      // The session may serve the others as well.
      const asking = processes.filter((_, at) => at > index && outcomes[at]?.kind === 'login')
      for (const [at, again] of (await this.ask(asking)).entries()) {
        outcomes[processes.indexOf(asking[at] as ClientProcess)] = again
      }
    }
    return outcomes
  }

  /** The user follows the URL that a process gave, and the process gets what the browser brings back. */
  async #finishLogin(each: ClientProcess, url: string): Promise<void> {
    try {
      const callback = await authorize(url)
      const outcome = await each.ask({ type: 'finish', server: this.mcpServer.url(), callback })
      if (outcome.kind === 'error') this.#note(`a login failed: ${outcome.message}`)
    } catch (error) {
      this.#note(`a login failed: ${(error as Error).message}`)
    }
  }

  #note(message: string): void {
    if (this.#messages.size >= MAX_MESSAGES) return
    this.#messages.add(hideSecrets(message).slice(0, MAX_MESSAGE_CHARS))
  }

  #throwIfAborted(): void {
    if (this.#signal?.aborted) throw this.#signal.reason
  }
}

/** An answer counts if it is the tool's. */
function judge(outcome: Outcome): Outcome {
  const expected = `${USER} at /mcp`
  if (outcome.kind !== 'answer' || outcome.text === expected) return outcome
  const message = `answered ${JSON.stringify(outcome.text)}, not "${expected}"`
  return { kind: 'error', message }
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
