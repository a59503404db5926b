import { types } from 'node:util'
import { RedisOAuthDatabaseError, unreadableRecord } from '../leaves/errors.js'
import type { SealContext, Sealing } from './sealing.js'

/** The first byte of what a custom `seal` made. */
const CUSTOM_MAGIC = 0xfb

/**
 * A caller's own sealing, kept apart from the rest: its results carry a mark that no plain record has, and what it throws
 * comes out as an error of this library, without the message, which might hold the plaintext.
 */
export class CustomSealing implements Sealing {
  readonly #sealing: Sealing

  constructor(sealing: Sealing) {
    this.#sealing = sealing
  }

  seal(plaintext: Buffer, context: SealContext): Buffer | Promise<Buffer> {
    return this.#run('seal', plaintext, context, (sealed) =>
      Buffer.concat([Buffer.of(CUSTOM_MAGIC), sealed]),
    )
  }

  open(sealed: Buffer, context: SealContext): Buffer | Promise<Buffer> {
    if (sealed[0] !== CUSTOM_MAGIC) throw unreadableRecord()
    return this.#run('open', sealed.subarray(1), context, asBuffer)
  }

  /** Every sealed record is current: only the caller knows keys. */
  isCurrent(sealed: Buffer): boolean {
    return sealed[0] === CUSTOM_MAGIC
  }

  #run(
    name: 'seal' | 'open',
    bytes: Buffer,
    context: SealContext,
    finish: (result: Uint8Array) => Buffer,
  ): Buffer | Promise<Buffer> {
    const settle = (result: Uint8Array): Buffer => {
      if (types.isUint8Array(result)) return finish(result)
      throw sealingFailed(name, 'it must return a Buffer or Uint8Array')
    }
    try {
      const result = this.#sealing[name](bytes, context)
      if (types.isUint8Array(result)) return settle(result)
      return Promise.resolve(result)
        .then(settle)
        .catch((error: unknown) => rethrow(name, error))
    } catch (error) {
      return rethrow(name, error)
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function rethrow(name: string, error: unknown): never {
  if (error instanceof RedisOAuthDatabaseError) throw error
  const { name: kind, code } = Object(error) as { name?: unknown; code?: unknown }
  const known = [kind, code].filter((word) => typeof word === 'string' || typeof word === 'number')
  throw sealingFailed(name, `it threw ${known.join(' ') || typeof error}`)
}

function sealingFailed(name: string, reason: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'SEALING_FAILED',
    `encryption.${name} failed: ${reason}. Check this function and your key service`,
  )
}
