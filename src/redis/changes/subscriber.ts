import type { Cluster, Redis } from 'ioredis'
import { reconnectInBackground } from '../driver/internals/clients.js'
import { disconnect } from '../driver/internals/socket.js'

type Listener = (message: string) => void

/**
 * The connection that hears of publications, beside the one for commands, since Redis lets a subscribed connection do
 * nothing else. Made by the first subscription, and anew by the next one where it has ended. Publications are hints: one may
 * be missed while the connection is down.
 */
export class Subscriber {
  readonly #createClient: () => Redis | Cluster
  readonly #listeners = new Map<string, Set<Listener>>()
  #client: Redis | Cluster | undefined
  #isClosed = false

  constructor(createClient: () => Redis | Cluster) {
    this.#createClient = createClient
  }

  /**
   * Resolves once subscribed, with what unsubscribes; the listener may be called before that. Rejects when the connection fails
   * meanwhile.
   */
  async subscribe(channel: string, listener: Listener): Promise<() => void> {
    const client = this.#connected()
    const listeners = this.#listeners.get(channel) ?? new Set()
    listeners.add(listener)
    this.#listeners.set(channel, listeners)
    const unsubscribe = (): void => {
      if (!listeners.delete(listener) || listeners.size > 0) return
      this.#listeners.delete(channel)
      if (!this.#isClosed) this.#client?.unsubscribe(channel).catch(() => {})
    }
    try {
      // Again for every listener: the first subscription may not be confirmed yet, and this one follows it.
      await client.subscribe(channel)
    } catch (error) {
      unsubscribe()
      throw error
    }
    return unsubscribe
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const client = this.#client
    if (client === undefined) return
    if (client.isCluster) client.disconnect()
    else await disconnect(client as Redis)
  }

  #subscribeAgain(): void {
    for (const channel of this.#listeners.keys()) this.#client?.subscribe(channel).catch(() => {})
  }

  #connected(): Redis | Cluster {
    if (this.#isClosed) throw new Error('Connection is closed.')
    // As after one round through Sentinels of which none answered.
    if (this.#client === undefined || this.#client.status === 'end') {
      this.#client = this.#createClient()
      // Commands on the other connection say what is wrong; here only silence follows.
      this.#client.on('error', () => {})
      this.#client.on('ready', () => this.#subscribeAgain())
      reconnectInBackground(this.#client)
      this.#client.on('message', (channel: string, message: string) => {
        for (const listener of this.#listeners.get(channel) ?? []) listener(message)
      })
    }
    return this.#client
  }
}
