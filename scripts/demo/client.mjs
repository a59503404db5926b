import diagnostics from 'node:diagnostics_channel'
import { atxpClient } from '@atxp/client'
import { CHANNELS, withOAuthDatabase } from '@atxp/redis'
import { createAccount } from '../../test/support/fleet/account.mjs'

const silence = { debug() {}, info() {}, warn() {}, error() {} }

/** What this process was seen to do, and when: by a clock that all processes share. */
let events = []
const note = (event) => events.push({ event, at: performance.timeOrigin + performance.now() })

for (const name of Object.values(CHANNELS)) {
  diagnostics.channel(name).subscribe(({ event }) => note(event))
}

/** The published ATXP client over the database, coordinated or only stored in it. */
export function connect(db, { mcpServer, issuer, accountId, isCoordinated }) {
  const options = {
    mcpServer,
    account: createAccount(accountId),
    allowedAuthorizationServers: [issuer],
    allowHttp: true,
    logger: silence,
    oAuthChannelFetch: fetchWithNotes,
  }
  return atxpClient(
    isCoordinated
      ? withOAuthDatabase({ ...options, oauthDatabase: db })
      : { ...options, oAuthDb: db },
  )
}

export async function callTool(client) {
  const { content } = await client.callTool({ name: 'whoami', arguments: {} })
  return content[0].text
}

export function takeEvents() {
  const taken = events
  events = []
  return taken
}

async function fetchWithNotes(url, init) {
  const isToken = new URL(url).pathname === '/token'
  if (isToken) note('asked')
  const response = await fetch(url, init)
  if (isToken) note('answered')
  return response
}
