import { codeIn, RedisOAuthDatabaseError } from '../../leaves/errors.js'
import type { FoundKey, KeySpace } from '../../record/keys.js'
import { isSealedKind } from '../../record/kinds.js'
import { isPublished } from '../../record/published.js'
import type { Commands } from '../../redis/commands.js'
import { type Sealer, sealContextOf } from '../vault/sealed-vault.js'

export interface ResealProgress {
  /** Records looked at so far; one may be counted twice while Redis resizes its table. */
  readonly seen: number
  /** Records rewritten. */
  readonly resealed: number
  /**
   * Records that cannot be decrypted: encrypted with a key that is not in `encryption.keys`, damaged, or not of this library. They stay
   * as they are. Records that are encrypted with the first key are not decrypted, and so never counted here.
   */
  readonly unreadable: number
  /** Keys under the prefix that hold nothing of this library, as records of `RedisOAuthDb` up to 0.11. They stay as they are. */
  readonly foreign: number
}

export interface ResealOptions {
  /**
   * Called after every step of the scan, about 1000 keys, and at the end.
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto'
   *
   * const keys = [{ id: 'new', key: randomBytes(32) }]
   * const db = RedisOAuthDatabase.fromEnv({ encryption: { keys, acceptPlaintext: true } })
   * await db.reseal({ onProgress: ({ seen, resealed }) => console.info(seen, resealed) })
   * ```
   */
  readonly onProgress?: ((progress: ResealProgress) => void) | undefined
  /**
   * Ends the work between two steps. What was resealed stays so; the next call goes on with the rest.
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto'
   *
   * const keys = [{ id: 'new', key: randomBytes(32) }]
   * const db = RedisOAuthDatabase.fromEnv({ encryption: { keys, acceptPlaintext: true } })
   * await db.reseal({ signal: AbortSignal.timeout(600_000) })
   * ```
   */
  readonly signal?: AbortSignal | undefined
}

/**
 * Rewrites every record that is plain or sealed with an old key. It replaces a record only if nobody has changed it meanwhile
 * (a changed one is sealed with the active key already), and keeps its expiry. So it may run while others write, stop anywhere, and
 * run again.
 */
export async function reseal(
  keys: KeySpace,
  commands: Commands,
  sealer: Sealer,
  { onProgress, signal }: ResealOptions,
): Promise<ResealProgress> {
  const progress = { seen: 0, resealed: 0, unreadable: 0, foreign: 0 }
  for await (const found of commands.scan(keys.pattern)) {
    if (signal?.aborted) {
      throw new RedisOAuthDatabaseError(
        'ABORTED',
        `its signal aborted it after ${progress.seen} records. Call it again to continue`,
      )
    }
    await Promise.all(
      found.map(async (redisKey) => {
        const key = keys.parse(redisKey)
        if (key === null) progress.foreign += 1
        if (key === null || !isSealedKind(key.kind)) return
        progress.seen += 1
        const outcome = await resealOne(keys, commands, sealer, key)
        if (outcome !== 'current') progress[outcome] += 1
      }),
    )
    onProgress?.({ ...progress })
  }
  onProgress?.({ ...progress })
  return progress
}

async function resealOne(
  keys: KeySpace,
  commands: Commands,
  sealer: Sealer,
  key: FoundKey,
): Promise<'current' | 'resealed' | 'unreadable' | 'foreign'> {
  const raw = await commands.getBuffer(key.redisKey)
  if (raw === null || !sealer.needsReseal(raw)) return 'current'
  if (isPublished(keys, key, raw)) return 'foreign'
  const context = sealContextOf(key)
  let text: string
  try {
    text = await sealer.open(raw, context)
  } catch (error) {
    if (codeIn(error) === 'UNREADABLE_RECORD') return 'unreadable'
    throw error
  }
  const replaced = await commands.exchange(key.redisKey, raw, await sealer.seal(text, context))
  return replaced ? 'resealed' : 'current'
}
