import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { CustomSealing } from '../../../src/crypto/custom-sealing.js'
import type { Sealing } from '../../../src/crypto/sealing.js'
import { RedisOAuthDatabaseError } from '../../../src/leaves/errors.js'

const context = { kind: 'token', redisKey: 'p:a' }
const plaintext = Buffer.from('secret')

/** Turns the bits of each byte: enough to see which way it went. */
const turned = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff)
const sync: Sealing = { seal: turned, open: turned }
const async: Sealing = {
  seal: async (bytes) => turned(bytes),
  open: async (bytes) => turned(bytes),
}

const failureOf = async (work: () => unknown): Promise<RedisOAuthDatabaseError> => {
  try {
    await work()
  } catch (error) {
    return error as RedisOAuthDatabaseError
  }
  throw new Error('did not fail')
}

describe('CustomSealing', () => {
  it.each([
    ['synchronous', sync],
    ['asynchronous', async],
  ])('marks what a %s seal made, and gives open just that', async (_how, sealing) => {
    const custom = new CustomSealing(sealing)
    const sealed = await custom.seal(plaintext, context)
    expect(sealed).toEqual(Buffer.concat([Buffer.of(0xfb), turned(plaintext)]))
    expect(await custom.open(sealed, context)).toEqual(plaintext)
  })

  it('takes bytes of another realm, as in the sandbox of a test runner', async () => {
    const foreign = (bytes: Uint8Array): Uint8Array =>
      runInNewContext('Uint8Array.from(bytes)', { bytes: [...turned(bytes)] })
    expect(foreign(plaintext)).not.toBeInstanceOf(Uint8Array)
    for (const wrap of [foreign, async (bytes: Uint8Array) => foreign(bytes)]) {
      const custom = new CustomSealing({ seal: wrap, open: wrap })
      expect(await custom.open(await custom.seal(plaintext, context), context)).toEqual(plaintext)
    }
  })

  it('answers at once where the functions do', () => {
    const custom = new CustomSealing(sync)
    const sealed = custom.seal(plaintext, context)
    expect(Buffer.isBuffer(sealed)).toBe(true)
    expect(Buffer.isBuffer(custom.open(sealed as Buffer, context))).toBe(true)
  })

  it('tells both functions which record it is', async () => {
    const seen: unknown[] = []
    const note: Sealing['seal'] = (bytes, where) => {
      seen.push(where)
      return bytes
    }
    const custom = new CustomSealing({
      seal: note,
      open: note,
    })
    await custom.open(await custom.seal(plaintext, context), context)
    expect(seen).toEqual([context, context])
  })

  it('calls them as methods of what was given', async () => {
    class Kms implements Sealing {
      readonly #mask = 7
      seal(bytes: Buffer): Uint8Array {
        return bytes.map((byte) => byte ^ this.#mask)
      }
      open(bytes: Buffer): Uint8Array {
        return this.seal(bytes)
      }
    }
    const custom = new CustomSealing(new Kms())
    expect(await custom.open(await custom.seal(plaintext, context), context)).toEqual(plaintext)
  })

  it.each([
    ['plain text', Buffer.from('plain')],
    ['an envelope of the built-in encryption', Buffer.from([0xfa, 1, 1, 65])],
    ['nothing', Buffer.alloc(0)],
  ])('never hands %s to open', async (_what, bytes) => {
    const custom = new CustomSealing(sync)
    expect(await failureOf(() => custom.open(bytes, context))).toMatchObject({
      code: 'UNREADABLE_RECORD',
    })
  })

  describe.each(['seal', 'open'] as const)('when %s fails', (name) => {
    const failing = (fail: () => never): CustomSealing[] => [
      new CustomSealing({ ...sync, [name]: fail }),
      new CustomSealing({ ...sync, [name]: async () => fail() }),
    ]
    const bytes = name === 'seal' ? plaintext : Buffer.from([0xfb, 1, 2])

    it('says so with its error’s name and code, and without its message', async () => {
      const fail = (): never => {
        throw Object.assign(new RangeError('the plaintext was: secret'), { code: 'KMS_THROTTLED' })
      }
      for (const custom of failing(fail)) {
        const error = await failureOf(() => custom[name](bytes, context))
        expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
        expect(error.code).toBe('SEALING_FAILED')
        expect(error.message).toBe(
          `encryption.${name} failed: it threw RangeError KMS_THROTTLED. Check this function and your key service`,
        )
        expect(error.cause).toBeUndefined()
      }
    })

    it('passes an error of this library through', async () => {
      const own = new RedisOAuthDatabaseError('UNREADABLE_RECORD', 'as the caller says')
      const fail = (): never => {
        throw own
      }
      for (const custom of failing(fail)) {
        expect(await failureOf(() => custom[name](bytes, context))).toBe(own)
      }
    })

    it.each([undefined, null, 'text', {}, [1]])('says so when it returns %j', async (result) => {
      for (const answer of [() => result, async () => result]) {
        const custom = new CustomSealing({ ...sync, [name]: answer } as never)
        const error = await failureOf(() => custom[name](bytes, context))
        expect(error.code).toBe('SEALING_FAILED')
      }
    })

    it('survives that something else than an error is thrown', async () => {
      for (const thrown of ['secret', null, undefined, 7]) {
        const fail = (): never => {
          throw thrown
        }
        for (const custom of failing(fail)) {
          const error = await failureOf(() => custom[name](bytes, context))
          expect(error.code).toBe('SEALING_FAILED')
          expect(error.message).not.toContain('secret')
        }
      }
    })
  })
})
