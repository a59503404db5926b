import { inspect } from 'node:util'
import type { RedisOAuthDatabase } from '../../../src/index.js'

const ISSUER = 'https://issuer.example'
/** What is stored says what it is stored as, and begins so. Nothing else does. */
export const SECRET = 'secret:'

export type Step = (db: RedisOAuthDatabase) => Promise<unknown>

export const secretOf = (place: string): string => `${SECRET}${place}.`

/** Whether it is nothing that is stored in another place. */
function belongsTo(place: string, value: unknown): boolean {
  return inspect(value, { depth: 10, maxStringLength: null })
    .split(SECRET)
    .slice(1)
    .every((rest) => rest.startsWith(`${place}.`))
}

export class Misplaced extends Error {}

async function placed<T>(place: string, reading: Promise<T>): Promise<T> {
  const value = await reading
  if (!belongsTo(place, value)) throw new Misplaced(`what is not of ${place}: ${inspect(value)}`)
  return value
}

/** Reads and writes whose answers say whose they are. Of plain records only those that send one command at a time. */
export function ownSteps(i: number, isSealed = false): { readonly [method: string]: Step } {
  const [key, user, state, url, server] = [
    `k${i}`,
    `u${i}`,
    `s${i}`,
    `https://${i}/`,
    `${ISSUER}/${i}`,
  ]
  const secret = secretOf(String(i))
  const client = { clientId: `id${i}`, clientSecret: secret, redirectUri: url }
  const values = { codeVerifier: secret, codeChallenge: 'c', resourceUrl: url, url }
  const token = { accessToken: secret, refreshToken: `${secret}refresh`, resourceUrl: url }
  const at = String(i)
  return {
    storeToken: (db) => db.storeToken(key, secret),
    getToken: (db) => placed(at, db.getToken(key)),
    getTokens: async (db) => {
      const tokens = await db.getTokens([key, `k${i + 1}`])
      if (!isSealed) return
      for (const [name, value] of tokens) await placed(name.slice(1), Promise.resolve(value))
    },
    saveAccessToken: (db) => db.saveAccessToken(user, url, token),
    getAccessToken: (db) => placed(at, db.getAccessToken(user, url)),
    listAccessTokens: (db) => placed(at, db.listAccessTokens(user)),
    saveClientCredentials: (db) => db.saveClientCredentials(server, client),
    getClientCredentials: (db) => placed(at, db.getClientCredentials(server)),
    savePKCEValues: (db) => db.savePKCEValues(user, state, values),
    getPKCEValues: (db) => placed(at, db.getPKCEValues(user, state)),
    coordinatedFetch: async (db) => {
      await db.getAccessToken(user, url)
      const renewed = { access_token: `${secret}new`, refresh_token: `${secret}refresh` }
      const body = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: `${secret}refresh`,
        client_id: `id${i}`,
      })
      const fetch = db.coordinatedFetch(async () => Response.json(renewed))
      const answer = await fetch(`${ISSUER}/token`, { method: 'POST', body })
      return placed(at, answer.text())
    },
  }
}
