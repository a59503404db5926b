import type { Clock } from '../../leaves/clock.js'
import { publishSession } from '../../leaves/diagnostics.js'
import { FINAL_SAVE_CODES, RedisOAuthDatabaseError } from '../../leaves/errors.js'
import type { Saved } from '../places/records.js'
import type { FlightTiming } from '../timing.js'

const FIRST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 500

/**
 * Saves a new pair. The old one is spent and the new one stands nowhere else, so this waits for whatever can pass: the pair is
 * offered for `rescueMs`. The caller is let go after `saveMs`.
 *
 * @param letGo - called once the caller need not wait any longer, and with why
 * @throws what the last attempt met
 */
export async function saveUntilSaved(
  save: () => Promise<Saved>,
  letGo: (error: unknown) => void,
  clock: Clock,
  { saveMs, rescueMs }: Pick<FlightTiming, 'saveMs' | 'rescueMs'>,
): Promise<Saved> {
  const startedAtMs = performance.now()
  let waitsFor: string | undefined
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await save()
    } catch (error) {
      const elapsedMs = performance.now() - startedAtMs
      if (!canPass(error) || elapsedMs + pauseMs > rescueMs) throw error
      if (error.code !== waitsFor) publishSession('saveRetried', { code: error.code })
      waitsFor = error.code
      if (elapsedMs >= saveMs) letGo(error)
    }
    await clock.sleep(pauseMs)
  }
}

/** Whether a call that failed so may succeed when it is repeated. */
export function canPass(error: unknown): error is RedisOAuthDatabaseError {
  return error instanceof RedisOAuthDatabaseError && !FINAL_SAVE_CODES.has(error.code)
}
