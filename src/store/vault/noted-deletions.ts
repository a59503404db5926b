import { RecentMap } from '../../leaves/recent-map.js'

/** The last deletion of a record or user. */
interface Deletion {
  readonly number: number
  /** When it has ended: the number of the last one that succeeded, 0 if none did. */
  readonly succeeded: Promise<number>
}

/** The deletions of this process, by the key of a record or of a user's index, numbered as its calls. */
export class NotedDeletions {
  readonly #last = new RecentMap<Deletion>({
    maxEntries: 10_000,
    maxBytes: 16_777_216,
    maxAgeMs: 600_000,
  })

  /** @param work - rejects where something may be left */
  note(key: string, number: number, work: Promise<unknown>): void {
    const before = this.#last.get(key)?.succeeded ?? 0
    const succeeded = work.then(
      () => number,
      () => before,
    )
    this.#last.set(key, { number, succeeded })
  }

  /** Of the last deletions of each key, those that were called after this: when they have ended, the number of the last that succeeded. */
  since(call: number, ...keys: string[]): Promise<number>[] {
    return keys.flatMap((key) => {
      const deletion = this.#last.get(key)
      return deletion !== undefined && deletion.number > call ? [deletion.succeeded] : []
    })
  }
}
