import { isSealed } from '../../crypto/record-sealer.js'
import type { SealContext } from '../../crypto/sealing.js'
import type { Composition } from '../../database/composition.js'
import { DEFAULTS } from '../../leaves/defaults.js'
import { isUnreadable, RedisOAuthDatabaseError } from '../../leaves/errors.js'
import { type FoundKey, KeySpace, type RecordName } from '../../record/keys.js'
import { isLastingKind, type LastingKind } from '../../record/kinds.js'
import { type Source, untilAborted } from '../../store/bulk/abortable.js'
import { sealContextOf } from '../../store/vault/sealed-vault.js'
import {
  type PlainLine,
  readHeader,
  readLine,
  SETTINGS_CONTEXT,
  type SealedLine,
  type Settings,
} from './format.js'
import type { ImportOptions, RefusedLine } from './import.js'
import { type ImportResult, Intake } from './intake.js'
import { linesOf } from './lines.js'
import { type Outcome, put } from './put.js'

const PROGRESS_EVERY = 1_000

type Chunks = Source<string | Uint8Array>

/** The form of the records of one source. `plain`, or the names that its keys have. */
type Form = 'plain' | KeySpace

/** One import of an export. */
export class RecordImport {
  readonly #parts: Composition
  readonly #options: ImportOptions
  readonly #ends: readonly (AbortSignal | undefined)[]
  readonly #intake: Intake
  #form: Form | undefined
  #line = 0
  #records = 0
  /** How many records the source says that it has. */
  #end: number | undefined

  constructor(parts: Composition, options: ImportOptions, givenUp: AbortSignal) {
    const { onRefused, signal } = options
    this.#parts = parts
    this.#options = options
    this.#intake = new Intake(
      onRefused && ((line, why) => onRefused({ line, why: why as RefusedLine['why'] })),
    )
    this.#ends = [signal, givenUp, this.#intake.failed]
  }

  async run(source: Chunks): Promise<ImportResult> {
    const { onProgress } = this.#options
    const progress = (): void =>
      onProgress?.({ line: this.#intake.settled, ...this.#intake.counts })
    let failure: { error: unknown } | undefined
    try {
      await this.#takeAll(source, progress)
    } catch (error) {
      failure = { error }
    }
    await this.#intake.end().catch((error: unknown) => {
      failure ??= { error }
    })
    try {
      progress()
    } catch (error) {
      failure ??= { error }
    }
    if (failure !== undefined) throw this.#failureOf(failure.error)
    this.#checkEnd()
    return this.#intake.counts
  }

  async #takeAll(source: Chunks, progress: () => void): Promise<void> {
    const ends = this.#ends.filter((end) => end !== undefined)
    for await (const lines of linesOf(untilAborted(source, ends))) {
      for (const line of lines) {
        if (this.#isEnded) return
        this.#line += 1
        const taking = this.#form === undefined ? this.#open(line) : this.#take(this.#form, line)
        if (taking !== undefined) await taking
        if (this.#line % PROGRESS_EVERY === 0) progress()
      }
    }
  }

  get #isEnded(): boolean {
    return this.#ends.some((end) => end?.aborted === true)
  }

  async #open(line: Buffer | undefined): Promise<void> {
    const settings = line && readHeader(line)
    if (settings === undefined) throw invalidHeader()
    this.#form = await this.#formOf(settings)
    this.#intake.pass(this.#line)
  }

  async #formOf(settings: Buffer | 'plain'): Promise<Form> {
    if (settings === 'plain') {
      const { secrets = DEFAULTS.import.secrets } = this.#options
      if (secrets === 'plain') return 'plain'
      throw new TypeError(
        "options.secrets must be 'plain' (--plain in a shell) for this export: its secrets are, and whoever could write to it made records of their own",
      )
    }
    const text = await this.#unseal(settings, SETTINGS_CONTEXT)
    if (text === undefined) throw sealedWithAnotherKey()
    const { keyPrefix, hashKeys }: Settings = JSON.parse(text)
    return new KeySpace(keyPrefix, hashKeys ? (part) => part : undefined)
  }

  /** Undefined where no key opens it. What is plain was put there by somebody else. */
  async #unseal(raw: Buffer, context: SealContext): Promise<string | undefined> {
    if (!isSealed(raw)) return undefined
    try {
      return await this.#parts.sealer?.open(raw, context)
    } catch (error) {
      if (isUnreadable(error)) return undefined
      throw error
    }
  }

  #take(form: Form, line: Buffer | undefined): Promise<void> | undefined {
    if (line?.length === 0) return this.#intake.pass(this.#line) as undefined
    const read = this.#end === undefined && line !== undefined ? readLine(line) : undefined
    if (read !== undefined && 'end' in read) {
      this.#end = read.end
      return this.#intake.pass(this.#line) as undefined
    }
    this.#records += 1
    if (this.#line <= (this.#options.resume ?? DEFAULTS.import.resume)) {
      return this.#intake.pass(this.#line) as undefined
    }
    return this.#intake.take(this.#line, read === undefined ? 'notARecord' : this.#put(form, read))
  }

  async #put(form: Form, line: SealedLine | PlainLine): Promise<Outcome> {
    const { overwrite = DEFAULTS.import.overwrite } = this.#options
    if (form === 'plain') {
      return 'sealed' in line ? 'notARecord' : put(this.#parts, line, overwrite)
    }
    if (!('sealed' in line)) return 'notARecord'
    const key = form.parse(line.key)
    if (!isLasting(key)) return 'notARecord'
    const raw = Buffer.from(line.sealed, 'base64')
    const stored = await this.#unseal(raw, sealContextOf(key))
    if (stored === undefined) return 'unreadable'
    let named: RecordName & { text: string }
    try {
      named = { ...form.nameIn(key, stored), text: form.textIn(key, stored) }
    } catch {
      return 'unreadable'
    }
    const { kind, redisKey } = key
    const { expiresAt } = line
    return put(this.#parts, { kind, ...named, expiresAt, stood: { redisKey, raw } }, overwrite)
  }

  #failureOf(error: unknown): unknown {
    if (error instanceof RedisOAuthDatabaseError || error instanceof TypeError) return error
    return new RedisOAuthDatabaseError(
      'SOURCE_FAILED',
      `the source, or a function of the options, threw after line ${this.#line}. See cause`,
      { cause: error },
    )
  }

  #checkEnd(): void {
    const [signal, givenUp] = this.#ends
    const after = `ended it after line ${this.#intake.settled}`
    if (signal?.aborted) throw new RedisOAuthDatabaseError('ABORTED', `its signal ${after}`)
    if (givenUp?.aborted) throw new RedisOAuthDatabaseError('CLOSED', `close() ${after}`)
    if (this.#form === undefined) throw invalidHeader()
    if (this.#end === this.#records) return
    throw new RedisOAuthDatabaseError(
      'SOURCE_FAILED',
      `the export is incomplete: it has ${this.#records} records, and ${this.#end === undefined ? 'no last line that says how many' : `should have ${this.#end}`}. ` +
        'These were imported. Export again, and import that too',
    )
  }
}

function isLasting(key: FoundKey | null): key is FoundKey & { kind: LastingKind } {
  return key !== null && isLastingKind(key.kind)
}

function invalidHeader(): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'INVALID_ENTRY',
    'the source does not begin like an export that this version reads. Pass a stream of the file, not of its lines, or what exportRecords yields',
  )
}

function sealedWithAnotherKey(): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'UNREADABLE_RECORD',
    'the export is encrypted with a key that is not in encryption.keys. Add the key of its source after the first one',
  )
}
