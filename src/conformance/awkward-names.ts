import { isWellFormed } from '../leaves/well-formed.js'
import { expectRecord } from './expectation.js'
import { structuredCopy } from './records.js'

/** How records of one kind are saved and read. */
interface Access<T> {
  save(user: string, other: string, record: T): Promise<void>
  read(user: string, other: string): Promise<T | null>
}

/** Saves a record of its own under each awkward pair, and throws unless each reads its own. */
export async function expectPairsApart<T>(
  method: string,
  id: string,
  make: (label: string) => T,
  { save, read }: Access<T>,
): Promise<void> {
  const kept: { user: string; other: string; saved: T }[] = []
  for (const [user, other] of [...awkwardPairs(id), ...illFormedPairs(id)]) {
    const saved = make(String(kept.length))
    try {
      await save(user, other, structuredCopy(saved))
      kept.push({ user, other, saved })
    } catch (error) {
      if (isWellFormed(user) && isWellFormed(other)) throw error
    }
  }
  for (const { user, other, saved } of kept) {
    const what = `${method}(${JSON.stringify(user)}, ${JSON.stringify(other)})`
    expectRecord(what, await read(user, other), saved)
  }
}

/**
 * Pairs of a user and a state or URL, all different, that a careless key makes the same: by joining them, by escaping
 * them, by patterns, by case, by trailing blanks or by Unicode normalization.
 */
function awkwardPairs(id: string): [user: string, other: string][] {
  return [
    [`${id}base:0xa`, 'b:c'],
    [`${id}base:0xa:b`, 'c'],
    [id, 'b:c'],
    [`${id}:b`, 'c'],
    [`${id}:b:c`, ''],
    [`${id}:b`, ':c'],
    [id, 'https://server.example/'],
    [id, 'https://server.example'],
    [id, 'https://server.example/%2F'],
    [id, 'https://server.example//'],
    ['', id],
    ['%', id],
    ['%25', id],
    ['{}', id],
    ['}', id],
    ['%7D', id],
    ['{', `}${id}`],
    [`{${id}}`, ''],
    [id, ''],
    [`${id}}`, ''],
    [`${id}*`, 'a'],
    [`${id}?`, 'a'],
    [`${id}[ab]`, 'a'],
    [`${id}a`, 'a'],
    [`${id}A`, 'a'],
    [`${id}a`, 'A'],
    [`${id}a `, 'a'],
    [`${id}a`, 'a '],
    [`${id}\u00e9`, 'a'],
    [`${id}e\u0301`, 'a'],
    [`${id}a`, '\u00e9'],
    [`${id}a`, 'e\u0301'],
  ]
}

/** Pairs that UTF-8 makes the same, since it has no lone surrogates: a database may refuse them, and must not take one for the other. */
function illFormedPairs(id: string): [user: string, other: string][] {
  return [
    [`${id}\ud800`, 'a'],
    [`${id}\ud801`, 'a'],
    [`${id}\ufffd`, 'a'],
    [id, '\ud800'],
    [id, '\ud801'],
    [id, '\ufffd'],
  ]
}

/** Issuers, all different: RFC 8414 section 4 compares them by code points and allows no normalization. */
export function awkwardServers(id: string): string[] {
  const host = `https://${id}.example`
  return [
    host,
    `${host}/`,
    `${host}:443`,
    `${host}/a`,
    `${host}/A`,
    `${host}/%61`,
    `${host}/a?b`,
    `${host}/a:b`,
    `${host}/*`,
    `${host}/?`,
    `${host}/{}`,
    `${host}/%7B%7D`,
    `${host}/\u00e9`,
    `${host}/e\u0301`,
    `${host}/ `,
    `http://${id}.example`,
    id,
  ]
}
