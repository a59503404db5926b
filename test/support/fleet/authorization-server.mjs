import { AuthorizationServer } from '../../../dist/referee/servers/authorization-server.js'
import { bearerToken } from '../../../dist/referee/servers/oauth-request.js'
import { verifyAccountToken } from './account.mjs'

/** The referee's authorization server, with the account's signed token in place of a browser and its user. */
export function startAuthorizationServer() {
  return AuthorizationServer.start({
    consent: (request, codeChallenge) =>
      verifyAccountToken(bearerToken(request) ?? '', codeChallenge),
  })
}
