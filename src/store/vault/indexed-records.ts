import { systemClock } from '../../leaves/clock.js'
import type { FoundKey, KeySpace, RecordKey } from '../../record/keys.js'
import type { Expiry, Value } from '../../redis/commands.js'
import { inBunches } from '../../redis/commands.js'
import type { DeletionTally } from '../../redis/deletion-tally.js'
import type { EntryLife, IndexCommands } from '../../redis/index-commands.js'
import { isOk } from '../../redis/protocol/replies.js'
import { NotedDeletions } from './noted-deletions.js'
import { type SavedRecord, SavedRecords } from './saved-records.js'

const DAY_MS = 86_400_000
/** How long this process relies on having entered a record. */
const REMEMBERED_MS = DAY_MS
/** The longest life of a record that is saved without its entry. */
const MAX_LIFE_MS = 31 * DAY_MS
/**
 * How long an entry is kept at least; the same for every process and version. A process saves without the entry for a day after it
 * has made one, and then for a record that lives for 31 days at most. So the entry outlives the record by a day, whoever has deleted
 * both and made them anew meanwhile.
 */
const ENTRY_MS = REMEMBERED_MS + MAX_LIFE_MS + DAY_MS
/** How long the entry of a login outlives its PKCE values and what their first read leaves behind. */
const LOGIN_MARGIN_MS = 60_000
/** Somebody who saves new records of a user as fast as they are deleted ends no deletion. */
const MAX_ROUNDS = 5

const DONE = Promise.resolve()

const ACCESS_ENTRY: EntryLife = { entryMs: ENTRY_MS, marginMs: DAY_MS }

/** One entry of an index, and the record that it names. */
export interface IndexedRecord {
  readonly key: FoundKey
  readonly field: string
  /** When a coordinated refresh last replaced it, in Unix milliseconds. */
  readonly refreshedAt: number | undefined
  /** The time until which the entry is kept, by the clock of Redis; 0 where the entry is of another format. */
  readonly keptUntil: number
}

/**
 * Keeps the index of each user's records: a record that can be read is in it.
 *
 * The first save of a record by this process is one script that sets the record and its entry. Later ones are `SET ... XX`, which
 * costs nothing more than `SET`; where that finds no record, because another client deleted it or it expired, the script runs after
 * all. Commands keep the order of the calls also then: of such a save only what no later call has made irrelevant is done.
 */
export class IndexedRecords {
  readonly #keys: KeySpace
  readonly #commands: IndexCommands
  readonly #loginEntry: EntryLife
  readonly #saved = new SavedRecords(REMEMBERED_MS)
  readonly #deletions = new NotedDeletions()
  #calls = 0
  #lateSaves = 0

  /** @param markerMs - how long the first read of PKCE values leaves them behind */
  constructor(keys: KeySpace, commands: IndexCommands, markerMs: number) {
    this.#keys = keys
    this.#commands = commands
    this.#loginEntry = { entryMs: 0, marginMs: LOGIN_MARGIN_MS + markerMs }
  }

  /** One round trip; two where a record that this process has saved is gone. */
  set(key: RecordKey, value: Value, expiry: Expiry): Promise<void> {
    const record = isRemembered(key) ? this.#saved.get(key) : undefined
    if (record === undefined) return this.#enter(key, value, expiry)
    const call = this.#nextCall()
    record.latest = call
    if (!record.isEntered || lifeOf(expiry) > MAX_LIFE_MS) {
      record.saving = this.#enter(key, value, expiry).then(() => record.succeeded(call))
      return record.saving
    }
    // Here, where the command reads its reply: a reaction to its promise would make one promise more.
    record.saving = this.#commands.setExisting(key.redisKey, value, expiry, (reply) => {
      if (!isOk(reply)) return this.#enterLate(key, value, expiry, record, call)
      record.succeeded(call)
      return undefined
    })
    return record.saving
  }

  /** Sets a record where there is none, and its entry; false: there is one, and it stands as it was. One round trip. */
  add(key: RecordKey, value: Value, expiry: Expiry): Promise<boolean> {
    const entry = this.#keys.entryOf(key)
    const life = this.#lifeOfEntry(key)
    return this.#commands.set(key.redisKey, entry, value, expiry, life, 'absent')
  }

  /** How many saves have ended whose record was not there at first. */
  get lateSaves(): number {
    return this.#lateSaves
  }

  /**
   * For a read that found no record: resolves when a save has ended that may have been called before. Undefined where there was none,
   * if `lateSaves` is what it was when the read was called.
   */
  savedSince(key: RecordKey, lateSaves: number): Promise<void> | undefined {
    const record = this.#saved.get(key)
    const saving = record?.saving
    if (saving === undefined) return lateSaves === this.#lateSaves ? undefined : DONE
    return saving.catch(() => {
      if (record?.saving === saving) record.saving = undefined
    })
  }

  /** Whether there was one. One round trip. */
  delete(key: RecordKey): Promise<boolean> {
    const { index, field } = this.#keys.entryOf(key)
    const markers = key.kind === 'pkce' ? [this.#keys.consumedOf(key)] : []
    const removal = this.#commands.delete(index, [{ key: key.redisKey, field }], markers)
    this.#deletions.note(key.redisKey, this.#nextCall(), removal)
    this.#forget(key)
    return removal.then(([removed]) => removed > 0)
  }

  compareAndSet(key: RecordKey, expected: Value, value: Value, expiry: Expiry): Promise<boolean> {
    const entry = this.#keys.entryOf(key)
    return this.#commands
      .compareAndSet(key.redisKey, entry, expected, value, expiry, this.#lifeOfEntry(key))
      .then((isSet) => {
        if (isSet) this.#remember(key)
        return isSet
      })
  }

  compareAndDelete(key: RecordKey, expected: Value): Promise<boolean> {
    return this.#commands.compareAndDelete(key.redisKey, this.#keys.entryOf(key), expected)
  }

  /** What stands in a user's index, also entries without a record. One round trip. */
  of(userId: string): Promise<IndexedRecord[]> {
    return this.in(this.#keys.of('index', userId))
  }

  /** `of` for an index that a scan has found. */
  async in(index: FoundKey): Promise<IndexedRecord[]> {
    return this.#recordsOf(index, await this.#commands.entries(index.redisKey))
  }

  /** Fails where the key holds no index. */
  probe({ redisKey }: FoundKey): Promise<void> {
    return this.#commands.probe(redisKey)
  }

  #recordsOf(index: FoundKey, entries: ReadonlyMap<string, string>): IndexedRecord[] {
    const records: IndexedRecord[] = []
    for (const [field, text] of entries) {
      const key = this.#keys.indexed(index, field)
      if (key !== null) {
        const keptUntil = Number.parseInt(text, 10) || 0
        records.push({ key, field, refreshedAt: refreshedAtIn(text), keptUntil })
      }
    }
    return records
  }

  /**
   * Deletes all records of a user, also of kinds that only newer versions know, and the index with them. Two round trips, one more for
   * each further thousand records, and two more where others saved a first record meanwhile, which is deleted as well, up to four times.
   */
  async deleteAll(userId: string, tally: DeletionTally): Promise<void> {
    const index = this.#keys.of('index', userId)
    const work = this.#deleteAll(index, tally)
    const succeeding = work.then(() => tally.outcome())
    this.#deletions.note(index.redisKey, this.#nextCall(), succeeding)
    return work
  }

  async #deleteAll(index: FoundKey, tally: DeletionTally): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const entries = await this.#commands.entries(index.redisKey)
      const newer = [...entries.keys()].flatMap((field) => {
        const key = this.#keys.indexedByNewer(index, field)
        return key === null ? [] : [{ key, field }]
      })
      const known = this.#recordsOf(index, entries)
      for (const { key } of known) this.#forget(key)
      const records = [...known, ...newer]
      let isAgain = records.length > 0
      for (const some of inBunches(records)) {
        if (tally.isHopeless) tally.notTried += some.length
        const left = tally.isHopeless
          ? undefined
          : await this.#deleteSome(index.redisKey, some, tally)
        isAgain = isAgain && left !== undefined && left > 0
      }
      if (!isAgain) return
    }
  }

  /** How many entries are left behind; undefined where it failed. */
  async #deleteSome(
    index: string,
    some: readonly { readonly key: FoundKey | string; readonly field: string }[],
    tally: DeletionTally,
  ): Promise<number | undefined> {
    const deletions = some.map(({ key, field }) => ({
      key: typeof key === 'string' ? key : key.redisKey,
      field,
    }))
    const markers = some.flatMap(({ key }) =>
      typeof key !== 'string' && key.kind === 'pkce' ? [this.#keys.consumedOf(key)] : [],
    )
    let left: number | undefined
    const deleting = this.#commands.delete(index, deletions, markers).then((counts) => {
      left = counts[1]
      return counts[0]
    })
    await tally.countAll(some.length, deleting)
    return left
  }

  /** The script. */
  #enter(key: RecordKey, value: Value, expiry: Expiry): Promise<void> {
    const entry = this.#keys.entryOf(key)
    return this.#commands
      .set(key.redisKey, entry, value, expiry, this.#lifeOfEntry(key))
      .then(() => this.#remember(key))
  }

  /**
   * The second step of a save that found no record. Where a later call has written the key, or deleted it, the save counts as done
   * right before that; where that call has failed, it does not. And the script leaves a record that another client has written meanwhile.
   */
  async #enterLate(
    key: RecordKey,
    value: Value,
    expiry: Expiry,
    record: SavedRecord,
    call: number,
  ): Promise<void> {
    try {
      const entry = this.#keys.entryOf(key)
      // A call that came during a wait counts as well. After the last look nothing is awaited: what is called next is sent after this.
      let looked = call
      for (;;) {
        const later = record.laterSave(call)
        if (later !== undefined) return await later
        const deletions = this.#deletions.since(looked, key.redisKey, entry.index)
        if (deletions.length === 0) break
        looked = this.#calls
        if ((await Promise.all(deletions)).some((number) => number > call)) return undefined
      }
      const life = this.#lifeOfEntry(key)
      await this.#commands.set(key.redisKey, entry, value, expiry, life, 'absent')
      record.succeeded(call)
    } finally {
      this.#lateSaves += 1
      record.ended(call)
    }
  }

  #remember(key: RecordKey): void {
    if (isRemembered(key)) this.#saved.remember(key)
  }

  #forget(key: FoundKey): void {
    if (isRemembered(key)) this.#saved.forget(key)
  }

  #nextCall(): number {
    this.#calls += 1
    return this.#calls
  }

  #lifeOfEntry({ kind }: RecordKey): EntryLife {
    return kind === 'pkce' ? this.#loginEntry : ACCESS_ENTRY
  }
}

function lifeOf({ expiresAt, ttlMs = 0 }: Expiry): number {
  return expiresAt === undefined ? ttlMs : expiresAt - systemClock.now()
}

/** Undefined too where the entry is of another format. */
function refreshedAtIn(text: string): number | undefined {
  const time = /^[^:]+:(\d{1,15})$/.exec(text)?.[1]
  return time === undefined ? undefined : Number(time)
}

/** The values of a login are saved once. And what is remembered has no kind: a state may be the URL of an access token. */
function isRemembered({ kind }: FoundKey): boolean {
  return kind !== 'pkce'
}
