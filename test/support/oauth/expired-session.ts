import type { AccessToken } from '@atxp/common'
import { expect, vi } from 'vitest'
import {
  type FleetProcess,
  type ProcessOptions,
  startProcess,
  URL_OF_TOKEN,
  USER,
} from './fleet-process.js'
import { MemoryStore } from './memory-store.js'
import { StrictServer } from './strict-server.js'

/** One user's login whose access token is spent, and what happens to it. */
export class ExpiredSession {
  readonly store: MemoryStore = new MemoryStore()
  readonly server: StrictServer = new StrictServer()

  constructor() {
    this.save({ ...this.server.login() })
    this.server.expireAccessTokens()
  }

  start(options: ProcessOptions = {}): FleetProcess {
    return startProcess(this.store, this.server, options)
  }

  startAll(processes: number, options: ProcessOptions = {}): FleetProcess[] {
    return Array.from({ length: processes }, () => this.start(options))
  }

  get record(): AccessToken | undefined {
    return this.store.get(USER, URL_OF_TOKEN)
  }

  get refreshToken(): string {
    return this.record?.refreshToken ?? 'no refresh token'
  }

  save(fields: Partial<AccessToken> & { [added: string]: unknown }): void {
    const { accessToken = '', refreshToken, ...rest } = { ...this.record, ...fields }
    this.store.put(USER, URL_OF_TOKEN, {
      resourceUrl: URL_OF_TOKEN,
      accessToken,
      ...(refreshToken === undefined ? {} : { refreshToken }),
      ...rest,
    })
  }

  /** The record holds the pair that the server takes for good, and no pair was ever sent twice. */
  expectSound(): void {
    const [family] = this.server.families
    expect(this.record?.accessToken).toBe(family?.accessToken)
    expect(this.record?.refreshToken).toBe(family?.refreshToken)
    expect(this.server.count.familiesRevoked).toBe(0)
  }

  /** Holds the first call of this name to the store, for ever. */
  holdCall(name: string): { reached: Promise<void> } {
    let isFirst = true
    const reached = new Promise<void>((resolve) => {
      this.store.step = (call, when) => {
        if (call !== name || when !== 'request' || !isFirst) return undefined
        isFirst = false
        resolve()
        return new Promise(() => undefined)
      }
    })
    return { reached }
  }

  /** Holds the first token request, before or after the server acts. */
  holdTokenRequest(when: 'request' | 'answer' = 'request'): HeldRequest {
    let reach: () => void = () => undefined
    let go: HeldRequest['go'] = () => undefined
    const reached = new Promise<void>((resolve) => {
      reach = resolve
    })
    const held = new Promise<Response | undefined>((resolve, reject) => {
      go = (answer) => (answer instanceof Error ? reject(answer) : resolve(answer))
    })
    let first = true
    this.server.step = (path, at) => {
      if (path !== '/token' || at !== when || !first) return undefined
      first = false
      reach()
      return held
    }
    return { reached, go }
  }
}

export interface HeldRequest {
  /** Resolves when the request is being held. */
  reached: Promise<void>
  /** Lets it go on, with another answer or a network failure where one is given. */
  go(answer?: Response | Error): void
}

// Not one that a test holds.
const { setImmediate: realSetImmediate } = globalThis
const nextTurn = (): Promise<void> => new Promise((resolve) => realSetImmediate(resolve))

/** Lets fake time pass until `work` is settled. */
export async function settled<T>(work: Promise<T>): Promise<T> {
  let done = false
  const note = () => {
    done = true
  }
  work.then(note, note)
  for (let i = 0; !done && i < 2_000; i++) {
    await vi.advanceTimersByTimeAsync(50)
    // What takes real time, as cryptography does, comes to its turn too.
    await nextTurn()
  }
  return await work
}

export async function refreshAll(processes: FleetProcess[], each = 1): Promise<number[]> {
  const calls = processes.flatMap((process) =>
    Array.from({ length: each }, () => process.refresh()),
  )
  return await settled(Promise.all(calls))
}
