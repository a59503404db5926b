import { expectRecord } from './expectation.js'
import { expectOneReader } from './pkce-values.js'
import { accessToken, clientRegistration, pkceValues, structuredCopy } from './records.js'
import type { Rule } from './rule.js'

const URL = 'https://server.example/mcp'

/** What holds between two handles on one store, as two processes have them, and for the end of one. */
export const HANDLE_RULES: readonly Rule[] = [
  {
    name: 'returns through one handle what was saved through another',
    source: 'any instance serves any user: a login that one began may come back to another',
    async check(db, { id, open }) {
      const peer = await open()
      const [registration, values, token] = [
        clientRegistration(id),
        pkceValues(id),
        accessToken(id),
      ]
      await db.saveClientCredentials(id, structuredCopy(registration))
      await db.savePKCEValues(id, 'state', structuredCopy(values))
      await db.saveAccessToken(id, URL, structuredCopy(token))
      expectRecord('getClientCredentials', await peer.getClientCredentials(id), registration)
      expectRecord('getPKCEValues', await peer.getPKCEValues(id, 'state'), values)
      expectRecord('getAccessToken', await peer.getAccessToken(id, URL), token)
    },
  },
  {
    name: 'returns through one handle what another replaced, after having read the old',
    source:
      'RFC 6749 section 6: once one instance has refreshed, the old refresh token is spent for all',
    async check(db, { id, open }) {
      const peer = await open()
      const old = accessToken(`${id}-old`, { refreshToken: `refresh-${id}-old` })
      await db.saveAccessToken(id, URL, structuredCopy(old))
      expectRecord('getAccessToken', await peer.getAccessToken(id, URL), old)
      const renewed = accessToken(`${id}-new`, { refreshToken: `refresh-${id}-new` })
      await db.saveAccessToken(id, URL, structuredCopy(renewed))
      expectRecord('getAccessToken, later', await peer.getAccessToken(id, URL), renewed)
    },
  },
  {
    name: 'gives PKCE values to exactly one of the concurrent readers of several handles',
    source:
      'RFC 6749 section 4.1.2: a code redeemed twice revokes what it gave, and a callback may come twice',
    async check(db, { id, open }) {
      const peers = await Promise.all([open(), open()])
      await expectOneReader(id, db, [db, ...peers, db, ...peers])
    },
  },
  {
    name: 'keeps its records when a handle is closed, and serves the others',
    source: 'instances start and stop while others serve',
    async check(db, { id, open }) {
      const peer = await open()
      const [registration, token] = [clientRegistration(id), accessToken(id)]
      await peer.saveClientCredentials(id, structuredCopy(registration))
      await peer.saveAccessToken(id, URL, structuredCopy(token))
      await peer.close()
      expectRecord('getClientCredentials', await db.getClientCredentials(id), registration)
      expectRecord('getAccessToken', await db.getAccessToken(id, URL), token)
      const late = await open()
      expectRecord('getAccessToken, of a new handle', await late.getAccessToken(id, URL), token)
    },
  },
  {
    name: 'closes more than once, and without having been used',
    source: 'a server closes its database in more than one of its shutdown handlers',
    async check(db, { id, open }) {
      const unused = await open()
      await db.saveAccessToken(id, URL, accessToken(id))
      await Promise.all([db.close(), db.close(), unused.close()])
      await db.close()
    },
  },
]
