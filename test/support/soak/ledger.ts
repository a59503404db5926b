import { lasts } from '../faults/duration.js'
import { listenOnLoopback, sendJson } from '../fleet/loopback-server.mjs'
import { readForm } from '../fleet/oauth-request.mjs'

/** Everything that came from one login. */
interface Family {
  current: string
  isRevoked: boolean
  /** A process was killed with the answer to the last refresh on its way: nobody can know the new pair. */
  isExcused: boolean
  /** Who had it refreshed last, and when. */
  by: string
  atMs: number
}

/** After a refresh, a process that is killed within this may not have saved its pair. */
const UNSAVED_MS = 15_000

/** A token endpoint that rotates, revokes a family of which it sees a spent token, and knows who asked for what. */
export class Ledger {
  readonly #families = new Map<string, Family>()
  /** Processes that were killed: what they asked for may be answered yet. */
  readonly #killed = new Set<string>()
  readonly #server: { origin: string; stop(): Promise<void> }
  #serial = 0
  refreshes = 0
  spentTokens = 0
  /** Of families whose pair went with a process that was killed. */
  spentAfterKills = 0
  slowMs = 0
  fails = false

  private constructor(server: { origin: string; stop(): Promise<void> }) {
    this.#server = server
  }

  static async start(): Promise<Ledger> {
    const ledger: Ledger = new Ledger(
      await listenOnLoopback(async (request, response) => {
        const form = await readForm(request)
        const by = String(request.headers['x-process'])
        const [status, body] = await ledger.#answer(form, by)
        sendJson(response, status, body)
      }),
    )
    return ledger
  }

  get url(): string {
    return `${this.#server.origin}/token`
  }

  async #answer(form: URLSearchParams, by: string): Promise<[number, object]> {
    if (form.get('grant_type') === 'login') {
      const current = this.#newToken()
      const family = { current, isRevoked: false, isExcused: false, by: '', atMs: 0 }
      this.#families.set(current, family)
      return [200, { access_token: `access of ${current}`, refresh_token: current }]
    }
    await lasts(this.slowMs * Math.random())
    if (this.fails) return [503, { error: 'temporarily_unavailable' }]
    const sent = form.get('refresh_token') ?? ''
    const family = this.#families.get(sent)
    if (family === undefined || family.isRevoked) return [400, { error: 'invalid_grant' }]
    if (family.current !== sent) {
      family.isRevoked = true
      if (family.isExcused) this.spentAfterKills += 1
      else this.spentTokens += 1
      return [400, { error: 'invalid_grant' }]
    }
    family.current = this.#newToken()
    family.by = by
    family.isExcused = this.#killed.has(by)
    family.atMs = performance.now()
    this.#families.set(family.current, family)
    this.refreshes += 1
    return [200, { access_token: `access of ${family.current}`, refresh_token: family.current }]
  }

  /** To be called after a process was killed. */
  excuse(process: string): void {
    this.#killed.add(process)
    const sinceMs = performance.now() - UNSAVED_MS
    for (const family of this.#families.values()) {
      if (family.by === process && family.atMs > sinceMs) family.isExcused = true
    }
  }

  /** Whether the pair of this token's family went with a process that was killed. */
  isExcused(refreshToken: string): boolean {
    return this.#families.get(refreshToken)?.isExcused ?? false
  }

  /** The first of two tokens came from the same login as the second. */
  isSame(one: string, other: string): boolean {
    return this.#families.get(one) === this.#families.get(other)
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }

  #newToken(): string {
    this.#serial += 1
    return `refresh-${this.#serial}`
  }
}
