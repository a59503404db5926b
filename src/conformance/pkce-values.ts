import type { OAuthDb } from '../leaves/contract.js'
import { expectPairsApart } from './awkward-names.js'
import { expectNull, expectRecord } from './expectation.js'
import { pkceValues, structuredCopy, withUnknownMembers } from './records.js'
import type { Rule } from './rule.js'

export const PKCE_RULES: readonly Rule[] = [
  {
    name: 'returns null for a state without PKCE values',
    source: 'RFC 6749 section 10.12: a callback with a state that nobody began is refused',
    async check(db, { id }) {
      expectNull('getPKCEValues', await db.getPKCEValues(id, 'state'))
    },
  },
  {
    name: 'returns PKCE values as they were saved, unknown members included',
    source: 'RFC 7636 section 4.5: the token request carries the verifier as it was made',
    async check(db, { id }) {
      const saved = withUnknownMembers(pkceValues(id))
      await db.savePKCEValues(id, 'state', structuredCopy(saved))
      expectRecord('getPKCEValues', await db.getPKCEValues(id, 'state'), saved)
    },
  },
  {
    name: 'replaces PKCE values by newer ones of the same state, whole',
    source: 'RFC 7636 section 4.1: a verifier is made for one authorization request',
    async check(db, { id }) {
      await db.savePKCEValues(id, 'state', withUnknownMembers(pkceValues(`${id}-old`)))
      const saved = pkceValues(`${id}-new`)
      await db.savePKCEValues(id, 'state', structuredCopy(saved))
      expectRecord('getPKCEValues', await db.getPKCEValues(id, 'state'), saved)
    },
  },
  {
    name: 'gives PKCE values to their first reader and to no later one',
    source:
      'RFC 6749 section 4.1.2: a code redeemed twice revokes what it gave, and a callback may come twice',
    async check(db, { id }) {
      const saved = pkceValues(id)
      await db.savePKCEValues(id, 'state', structuredCopy(saved))
      expectRecord('getPKCEValues', await db.getPKCEValues(id, 'state'), saved)
      expectNull('getPKCEValues, a second time', await db.getPKCEValues(id, 'state'))
    },
  },
  {
    name: 'gives PKCE values to exactly one of many concurrent readers',
    source:
      'RFC 6749 section 4.1.2: a code redeemed twice revokes what it gave, and a callback may come twice',
    check: (db, { id }) => expectOneReader(id, db, [db, db, db, db, db, db, db, db]),
  },
  {
    name: 'leaves the PKCE values of a user alone when those of another login are read',
    source: 'a user may log in to two servers, or in two windows, at a time',
    async check(db, { id }) {
      const saved = pkceValues(id)
      await db.savePKCEValues(id, 'state', structuredCopy(saved))
      await db.savePKCEValues(id, 'other', pkceValues('other'))
      await db.getPKCEValues(id, 'other')
      await db.getPKCEValues(id, 'nobody began this one')
      await db.getPKCEValues(`${id}-other`, 'state')
      expectRecord('getPKCEValues', await db.getPKCEValues(id, 'state'), saved)
    },
  },
  {
    name: 'keeps the PKCE values of different users and states apart',
    source: 'RFC 6749 section 10.12: the state binds a callback to the one who began the login',
    check: (db, { id }) =>
      expectPairsApart('getPKCEValues', id, pkceValues, {
        save: (user, state, values) => db.savePKCEValues(user, state, values),
        read: (user, state) => db.getPKCEValues(user, state),
      }),
  },
]

/** Throws unless one of the readers, asking at once, gets what `writer` saved, and the others null. */
export async function expectOneReader(
  user: string,
  writer: OAuthDb,
  readers: readonly OAuthDb[],
): Promise<void> {
  const saved = pkceValues(user)
  await writer.savePKCEValues(user, 'state', structuredCopy(saved))
  const read = await Promise.all(readers.map((reader) => reader.getPKCEValues(user, 'state')))
  const found = read.filter((values) => values !== null)
  if (found.length !== 1) {
    throw new Error(`getPKCEValues: ${found.length} of ${read.length} concurrent readers got them`)
  }
  expectRecord('getPKCEValues', found[0], saved)
}
