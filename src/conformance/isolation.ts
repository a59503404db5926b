import { expectRecord } from './expectation.js'
import { accessToken, clientRegistration, pkceValues, structuredCopy } from './records.js'
import type { Rule } from './rule.js'

const URL = 'https://server.example/mcp'

export const ISOLATION_RULES: readonly Rule[] = [
  {
    name: 'keeps records of different kinds apart',
    source: 'the SDK uses one database for its registrations, its logins and its tokens',
    async check(db, { id }) {
      const registration = clientRegistration(id)
      const values = pkceValues(id)
      const token = accessToken(id)
      for (const other of [id, '', `${id}:${id}`]) {
        await db.saveAccessToken(id, other, structuredCopy(token))
        await db.savePKCEValues(id, other, structuredCopy(values))
      }
      for (const server of [id, `${id}:`, `${id}:${id}`]) {
        await db.saveClientCredentials(server, structuredCopy(registration))
      }
      for (const other of [id, '', `${id}:${id}`]) {
        expectRecord('getAccessToken', await db.getAccessToken(id, other), token)
        expectRecord('getPKCEValues', await db.getPKCEValues(id, other), values)
        expectRecord('getAccessToken, afterwards', await db.getAccessToken(id, other), token)
      }
      for (const server of [id, `${id}:`, `${id}:${id}`]) {
        expectRecord('getClientCredentials', await db.getClientCredentials(server), registration)
      }
    },
  },
  {
    name: 'an object that its owner changes later does not change in the database',
    source:
      'the SDK goes on using what it saved and what it read, and other processes read what was saved',
    async check(db, { id }) {
      const given = { c: clientRegistration(id), v: pkceValues(id), t: accessToken(id) }
      const saved = structuredCopy(given)
      await db.saveClientCredentials(id, given.c)
      await db.savePKCEValues(id, 'state', given.v)
      await db.saveAccessToken(id, URL, given.t)
      given.c.clientId = 'changed after the save'
      given.v.codeVerifier = 'changed after the save'
      given.t.accessToken = 'changed after the save'
      const client = await db.getClientCredentials(id)
      const token = await db.getAccessToken(id, URL)
      expectRecord('getClientCredentials', client, saved.c)
      expectRecord('getPKCEValues', await db.getPKCEValues(id, 'state'), saved.v)
      expectRecord('getAccessToken', token, saved.t)
      if (client !== null) client.clientId = 'changed after the read'
      if (token !== null) token.accessToken = 'changed after the read'
      expectRecord('getClientCredentials, later', await db.getClientCredentials(id), saved.c)
      expectRecord('getAccessToken, later', await db.getAccessToken(id, URL), saved.t)
    },
  },
]
