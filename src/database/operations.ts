import type { Composition } from '../composition.js'
import { closedFailure } from '../redis/driver/failure.js'

/** Every public call passes here on its way to the rooms below. */
export class Operations {
  readonly parts: Composition
  #closing: Promise<void> | undefined

  constructor(parts: Composition) {
    this.parts = parts
  }

  // What it throws becomes a rejection without the promises that an async function would put between.
  run<T>(_method: string, work: (parts: Composition) => Promise<T>): Promise<T> {
    try {
      this.checkOpen()
      return work(this.parts)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  checkOpen(): void {
    const { connection } = this.parts
    if (connection.isClosed) throw closedFailure(connection.server)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { connection, subscriber, durability, tracking } = this.parts
    // What is under way may wait for a publication, or for replicas.
    await connection.close()
    durability?.close()
    await tracking?.close()
    await subscriber.close()
  }
}
