import type { ServerResponse } from 'node:http'
import { listenOnLoopback, sendJson } from '../fleet/loopback-server.mjs'
import { readForm } from '../fleet/oauth-request.mjs'

/** Answers a token request in place of the server. */
export type Failure = (response: ServerResponse) => void

export const answering =
  (status: number, headers: () => Record<string, string> = () => ({})): Failure =>
  (response) =>
    sendJson(response, status, { error: 'temporarily_unavailable' }, headers())

/** The connection ends without an answer. */
export const hangingUp: Failure = (response) => void response.destroy()

export interface TokenRequest {
  refreshToken: string
  atMs: number
}

export type FailingServer = Awaited<ReturnType<typeof startFailingServer>>

/** Token endpoints of an authorization server, one for each path, which fail until told otherwise, and note who asks when. */
export async function startFailingServer() {
  const failures = new Map<string, Failure>()
  const requests = new Map<string, TokenRequest[]>()
  const server = await listenOnLoopback(async (request, response) => {
    const path = request.url ?? ''
    const refreshToken = (await readForm(request)).get('refresh_token') ?? ''
    const noted = requests.get(path) ?? []
    requests.set(path, [...noted, { refreshToken, atMs: performance.now() }])
    const failure = failures.get(path) ?? failures.get(refreshToken)
    if (failure !== undefined) return failure(response)
    sendJson(response, 200, {
      access_token: `renewed ${refreshToken}`,
      refresh_token: `next ${refreshToken}`,
      token_type: 'Bearer',
    })
  })
  return {
    urlOf: (path: string) => `${server.origin}${path}`,
    /** @param what - a path, or a refresh token at any of them */
    fail: (what: string, failure: Failure) => void failures.set(what, failure),
    mend: (what: string) => void failures.delete(what),
    requests: (path: string): readonly TokenRequest[] => requests.get(path) ?? [],
    stop: () => server.stop(),
  }
}
