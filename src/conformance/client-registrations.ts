import { awkwardServers } from './awkward-names.js'
import { expectNull, expectRecord } from './expectation.js'
import { clientRegistration, structuredCopy, withUnknownMembers } from './records.js'
import type { Rule } from './rule.js'

export const CLIENT_REGISTRATION_RULES: readonly Rule[] = [
  {
    name: 'returns null for a server without a client registration',
    source: 'the SDK registers when it gets null, and only then',
    async check(db, { id }) {
      expectNull('getClientCredentials', await db.getClientCredentials(`https://${id}.example`))
    },
  },
  {
    name: 'returns a client registration as it was saved, unknown members included',
    source: 'RFC 7591 section 3.2.1: the server may return members that the client does not know',
    async check(db, { id }) {
      const saved = withUnknownMembers(clientRegistration(id))
      await db.saveClientCredentials(id, structuredCopy(saved))
      expectRecord('getClientCredentials', await db.getClientCredentials(id), saved)
    },
  },
  {
    name: 'keeps a client registration however often it is read',
    source: 'the SDK reads it three times in one login, and in every later one',
    async check(db, { id }) {
      const saved = clientRegistration(id)
      await db.saveClientCredentials(id, structuredCopy(saved))
      for (let read = 1; read <= 4; read += 1) {
        expectRecord(`getClientCredentials, time ${read}`, await db.getClientCredentials(id), saved)
      }
    },
  },
  {
    name: 'replaces a client registration by a newer one, whole',
    source: 'the SDK registers anew when a server has forgotten its client (401 or 403)',
    async check(db, { id }) {
      await db.saveClientCredentials(id, withUnknownMembers(clientRegistration(`${id}-old`)))
      const saved = clientRegistration(`${id}-new`)
      await db.saveClientCredentials(id, structuredCopy(saved))
      expectRecord('getClientCredentials', await db.getClientCredentials(id), saved)
    },
  },
  {
    name: 'keeps the client registrations of different servers apart',
    source: 'RFC 8414 section 4: issuers are compared by code points, without normalization',
    async check(db, { id }) {
      const servers = awkwardServers(id)
      const records = servers.map((server, i) => ({ server, saved: clientRegistration(`${i}`) }))
      await Promise.all(
        records.map(({ server, saved }) => db.saveClientCredentials(server, structuredCopy(saved))),
      )
      for (const { server, saved } of records) {
        const what = `getClientCredentials(${JSON.stringify(server)})`
        expectRecord(what, await db.getClientCredentials(server), saved)
      }
    },
  },
]
