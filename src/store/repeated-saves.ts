import { type Clock, systemClock, type UnixMs } from '../clock.js'

const MAX_KEYS = 10_000
const REPEATED_WITHIN_MS = 10_000

/** Which records this process has saved lately, the oldest forgotten first: who saves one over and over will do so again. */
export class RepeatedSaves {
  readonly #clock: Pick<Clock, 'now'>
  readonly #saves = new Map<string, { text: string; at: UnixMs }>()

  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.#clock = clock
  }

  /** To be called with every save. Whether it repeats one of a moment ago. */
  note(key: string, text: string): boolean {
    const before = this.#saves.get(key)
    const isRepeated = before?.text === text && this.isRecent(key)
    this.#saves.delete(key)
    this.#saves.set(key, { text, at: this.#clock.now() })
    if (this.#saves.size > MAX_KEYS) {
      const [oldest] = this.#saves.keys()
      if (oldest !== undefined) this.#saves.delete(oldest)
    }
    return isRepeated
  }

  /** Whether the record was saved a moment ago. */
  isRecent(key: string): boolean {
    const save = this.#saves.get(key)
    return save !== undefined && this.#clock.now() - save.at < REPEATED_WITHIN_MS
  }
}
