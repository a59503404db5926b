import { RedisOAuthDatabaseError } from '../errors.js'
import type { FoundKey, KeySpace } from '../record/keys.js'
import { KINDS } from '../record/kinds.js'
import type { Commands } from '../redis/commands.js'
import { type Sealer, sealContextOf } from './sealed-vault.js'

export interface ResealProgress {
  /** Records looked at so far; one may be counted twice while Redis resizes its table. */
  readonly seen: number
  /** Records written anew. */
  readonly resealed: number
  /**
   * Records that are not sealed with the first key and cannot be opened: under a key that is not in the ring, damaged, or of
   * something else. They stay as they are. What is sealed with the first key is not opened.
   */
  readonly unreadable: number
}

export interface ResealOptions {
  /** Called after every step of the scan, about 1000 keys, and at the end. */
  readonly onProgress?: ((progress: ResealProgress) => void) | undefined
  /** Ends the work between two steps. What was resealed stays so; the next call goes on with the rest. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Writes every record anew that is plain or sealed with an old key. Each is replaced only if nobody has changed it
 * meanwhile (whoever did has sealed it with the active key), and keeps its expiry; so it may run beside everything else,
 * end anywhere, and run again.
 */
export async function reseal(
  keys: KeySpace,
  commands: Commands,
  sealer: Sealer,
  { onProgress, signal }: ResealOptions,
): Promise<ResealProgress> {
  const progress = { seen: 0, resealed: 0, unreadable: 0 }
  for await (const found of commands.scan(keys.pattern)) {
    if (signal?.aborted) {
      throw new RedisOAuthDatabaseError(
        'ABORTED',
        `its signal aborted it after ${progress.seen} records; call it again to go on`,
      )
    }
    await Promise.all(
      found.map(async (redisKey) => {
        const key = keys.parse(redisKey)
        if (key === null || KINDS[key.kind].sealedAs === undefined) return
        progress.seen += 1
        const outcome = await resealOne(commands, sealer, key)
        if (outcome !== 'current') progress[outcome] += 1
      }),
    )
    onProgress?.({ ...progress })
  }
  onProgress?.({ ...progress })
  return progress
}

async function resealOne(
  commands: Commands,
  sealer: Sealer,
  key: FoundKey,
): Promise<'current' | 'resealed' | 'unreadable'> {
  const raw = await commands.getBuffer(key.redisKey)
  if (raw === null || !sealer.needsReseal(raw)) return 'current'
  const context = sealContextOf(key)
  let text: string
  try {
    text = await sealer.open(raw, context)
  } catch (error) {
    if (error instanceof RedisOAuthDatabaseError && error.code === 'UNREADABLE_RECORD')
      return 'unreadable'
    throw error
  }
  const replaced = await commands.exchange(key.redisKey, raw, await sealer.seal(text, context))
  return replaced ? 'resealed' : 'current'
}
