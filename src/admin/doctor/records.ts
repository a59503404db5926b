import { keyIdOf } from '../../crypto/keyring.js'
import { isSealed } from '../../crypto/record-sealer.js'
import type { Composition } from '../../database/composition.js'
import type { RedisOAuthDatabase } from '../../database/redis-oauth-database.js'
import { DOCS } from '../../leaves/errors.js'
import type { FoundKey, KeySpace, RecordName } from '../../record/keys.js'
import { isLastingKind, isSealedKind, type LastingKind } from '../../record/kinds.js'
import type { ResealProgress } from '../../store/bulk/reseal.js'
import { problemOf, type UnreadableRecord } from '../unreadable.js'
import { type WalkOptions, type WalkStep, walk } from '../walk.js'
import { advice, type Finding, ok, trouble } from './finding.js'

/** Of each unreadable record, so many are shown. */
const SHOWN = 5

/** Looks at every record, as a walk of that name. */
export async function takeCensus(
  db: RedisOAuthDatabase,
  name: string,
  options: WalkOptions,
): Promise<Census> {
  const census = new Census()
  const steps = walk(db, name, (parts) => census.take(parts), options)
  while (!(await steps.next()).done);
  return census
}

/** What stands under the prefix. */
class Census {
  readonly #kinds = new Map<string, number>()
  /** Records by the id of the key that they are sealed with. */
  readonly #keyIds = new Map<string, number>()
  readonly #unreadable: UnreadableRecord[] = []
  /** Records that hold their name, and those of them that stand under a name of another hash key. */
  readonly #named = { all: 0, elsewhere: 0 }
  #foreign = 0
  #outdated = 0

  /** Looks at all keys of Redis, a step at a time. */
  async *take(parts: Composition): AsyncGenerator<WalkStep<never>, void, undefined> {
    const { commands, keys } = parts
    for await (const redisKeys of commands.scan(keys.pattern, null)) {
      await Promise.all(
        redisKeys.map((redisKey) => this.#look(parts, redisKey, keys.parse(redisKey))),
      )
      yield { seen: redisKeys.length, found: [] }
    }
  }

  async #look(parts: Composition, redisKey: string, key: FoundKey | null): Promise<void> {
    const problem = await problemOf(parts, redisKey, key, (record) => {
      if (key !== null) this.#compare(parts.keys, key, record)
    })
    if (key === null || problem?.why === 'foreign') {
      this.#foreign += 1
      return
    }
    count(this.#kinds, key.kind)
    if (problem !== undefined) this.#unreadable.push(problem)
    else if (isSealedKind(key.kind) && parts.sealer !== undefined) await this.#weigh(parts, key)
  }

  #compare(keys: KeySpace, { kind, redisKey }: FoundKey, record: RecordName): void {
    if (!keys.isHashed || !isLastingKind(kind)) return
    this.#named.all += 1
    if (!isNameOf(redisKey, keys, kind, record)) this.#named.elsewhere += 1
  }

  async #weigh({ commands, sealer }: Composition, key: FoundKey): Promise<void> {
    const bytes = await commands.getBuffer(key.redisKey)
    if (bytes === null) return
    count(this.#keyIds, isSealed(bytes) ? (keyIdOf(bytes) ?? 'custom') : 'plain')
    if (sealer?.needsReseal(bytes)) this.#outdated += 1
  }

  /** What `reseal` would come to. */
  get resealing(): ResealProgress {
    const unreadable = this.#unreadable.filter(({ kind }) => kind !== 'index').length
    const readable = [...this.#keyIds.values()].reduce((sum, number) => sum + number, 0)
    return {
      seen: readable + unreadable,
      resealed: this.#outdated,
      unreadable,
      foreign: this.#foreign,
    }
  }

  findings({ keys, sealer }: Composition): Finding[] {
    const prefix = JSON.stringify(keys.prefix)
    const kinds = this.#kinds.size === 0 ? 'nothing' : listOf(this.#kinds)
    return [
      ok(`under the prefix ${prefix} stands ${kinds}`),
      ...this.#foreignFindings(prefix),
      ...this.#unreadableFindings(),
      ...this.#hashKeyFindings(),
      ...(sealer === undefined ? [NOT_ENCRYPTED] : this.#keyFindings()),
    ]
  }

  #foreignFindings(prefix: string): Finding[] {
    if (this.#foreign === 0) return []
    return [
      advice(
        'FOREIGN_KEYS',
        `${this.#foreign} key(s) under ${prefix} are not of this library`,
        'Give the database a keyPrefix of its own, and let no other prefix begin with it',
      ),
    ]
  }

  #unreadableFindings(): Finding[] {
    const all = this.#unreadable
    if (all.length === 0) return []
    const some = all.slice(0, SHOWN).map(({ kind, fingerprint, why, keyId }) => {
      return `${kind} ${fingerprint} (${why}${keyId === undefined ? '' : ` ${keyId}`})`
    })
    const more = all.length > SHOWN ? `, and ${all.length - SHOWN} more` : ''
    return [
      trouble(
        'UNREADABLE_RECORD',
        `${all.length} record(s) cannot be read: ${some.join(', ')}${more}`,
        `What to do for each reason: ${DOCS}/admin.md#records-that-cannot-be-read`,
      ),
    ]
  }

  #hashKeyFindings(): Finding[] {
    const { all, elsewhere } = this.#named
    if (all === 0) return []
    if (elsewhere === 0) return [ok('all records stand under names of this hash key')]
    return [
      trouble(
        'OTHER_HASH_KEY',
        `${elsewhere} of ${all} record(s) stand under names of another hash key: this process does not find them, and their users seem logged out`,
        `Set hashKeys.key (ATXP_REDIS_HASH_KEY) back, in every process. To change it: ${DOCS}/security.md#hiding-users-and-urls`,
      ),
    ]
  }

  #keyFindings(): Finding[] {
    const used = this.#keyIds.size === 0 ? 'no record is sealed yet' : listOf(this.#keyIds)
    const fact = `records by the key that encrypted them: ${used}`
    if (this.#outdated === 0) return [ok(fact)]
    const plan = 'Run atxp-redis reseal, or reseal(db), once all processes have the new key'
    return [advice('OLD_KEYS', `${fact}; ${this.#outdated} of them not by the first key`, plan)]
  }
}

/** Whether a record stands under the name that it holds. */
function isNameOf(
  redisKey: string,
  keys: KeySpace,
  kind: LastingKind,
  record: RecordName,
): boolean {
  try {
    return keys.named(kind, record).redisKey === redisKey
  } catch {
    // No name: it is from before `hashKeys`.
    return false
  }
}

const NOT_ENCRYPTED = advice(
  'NO_ENCRYPTION',
  'records are not encrypted: anyone who can read Redis has the tokens',
  `Make a key with atxp-redis keygen, and see ${DOCS}/security.md#switching-encryption-on`,
)

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function listOf(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, number]) => `${name} ${number}`)
    .join(', ')
}
