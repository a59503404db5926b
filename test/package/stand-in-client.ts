import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

// `@atxp/client` has an ESM and a CommonJS build from 0.11 on, and the registry that these tests can reach has 0.2.22 alone. This
// stands in for its newer build, as far as it concerns this library: each build has a class of its own for the error that makes
// a call authorize, and knows it by `instanceof`.

const CLIENT = `
class OAuthAuthenticationRequiredError extends Error {
  static async create(url, resourceServerUrl) {
    return Object.assign(new OAuthAuthenticationRequiredError(), { url, resourceServerUrl })
  }
}

const ISSUER = 'https://auth.example'

function createClient({ oAuthDb, fetchFn, oAuthChannelFetch }, user) {
  async function login(url) {
    await (await oAuthChannelFetch(ISSUER + '/.well-known/oauth-authorization-server')).json()
    if (!(await oAuthDb.getClientCredentials(ISSUER))) {
      await oAuthDb.saveClientCredentials(ISSUER, { clientId: 'c', clientSecret: 's', redirectUri: 'http://c' })
    }
    const token = await tokenRequest({ grant_type: 'authorization_code', code: 'x' })
    await oAuthDb.saveAccessToken(user, url, token(url))
  }

  async function tokenRequest(form) {
    const body = new URLSearchParams({ client_id: 'c', client_secret: 's', ...form })
    const answer = await oAuthChannelFetch(ISSUER + '/token', { method: 'POST', body })
    if (!answer.ok) throw new Error('refused: ' + (await answer.text()))
    const { access_token: accessToken, refresh_token: refreshToken } = await answer.json()
    return (resourceUrl) => ({ accessToken, refreshToken, resourceUrl })
  }

  async function send(url) {
    const held = await oAuthDb.getAccessToken(user, url)
    return fetchFn(url, { method: 'POST', body: '{}', headers: held ? { authorization: 'Bearer ' + held.accessToken } : {} })
  }

  async function authorized(url) {
    let answer = await send(url)
    if (answer.status === 401 && answer.headers.get('www-authenticate').includes('error="invalid_grant"')) {
      const held = await oAuthDb.getAccessToken(user, url)
      const token = await tokenRequest({ grant_type: 'refresh_token', refresh_token: held.refreshToken })
      await oAuthDb.saveAccessToken(user, url, token(url))
      answer = await send(url)
    }
    if (answer.status === 401) throw await OAuthAuthenticationRequiredError.create(url, url)
    return answer
  }

  return async function call(url) {
    try {
      return await authorized(url)
    } catch (error) {
      if (!(error instanceof OAuthAuthenticationRequiredError)) throw error
      await login(url)
      return authorized(url)
    }
  }
}
`

/** One session whose refresh token is refused: the same call has to log in. Prints how often that happened, and the status. */
const PROGRAM = `
const URL = 'https://mcp.example/mcp'
let logins = 0
let refusals = 0

const json = (status, body, headers = {}) => new Response(JSON.stringify(body), { status, headers })

async function network(url, init) {
  const { pathname, origin } = new globalThis.URL(url)
  if (pathname.startsWith('/.well-known')) return json(200, { issuer: origin, token_endpoint: origin + '/token' })
  if (pathname !== '/token') {
    const authorization = new Headers(init.headers).get('authorization')
    const isGood = authorization === 'Bearer access-' + logins
    if (isGood && logins > 0 && !spent) return json(200, {})
    const metadata = 'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"'
    return json(401, {}, { 'www-authenticate': 'Bearer ' + (process.env.HINT && authorization ? 'error="invalid_grant", ' : '') + metadata })
  }
  if (String(init.body).includes('refresh_token')) {
    refusals += 1
    return json(400, { error: 'invalid_grant' })
  }
  logins += 1
  spent = false
  return json(200, { access_token: 'access-' + logins, refresh_token: 'refresh-' + logins, token_type: 'Bearer' })
}
let spent = false

async function main() {
  const db = new RedisOAuthDatabase({ url: process.env.REDIS_URL, keyPrefix: process.env.PREFIX })
  const wiring = process.env.HINT ? { OAuthAuthenticationRequiredError } : {}
  const options = { mcpServer: URL, account: {}, oauthDatabase: db, fetchFn: network }
  const call = createClient(withOAuthDatabase(options, wiring), 'user')
  await call(URL)
  spent = true
  const { status } = await call(URL)
  await db.close()
  return { status, logins, refusals }
}
`

const PRINTED = 'main().then((result) => console.log(JSON.stringify(result)))\n'

/** What a server asks of the SDK's own class, found beside this package. Prints what that answers. */
const SERVER = `
async function main() {
  const db = new RedisOAuthDatabase({ url: process.env.REDIS_URL, keyPrefix: process.env.PREFIX })
  const { oAuthClient } = withOAuthDatabase({ oauthDatabase: db })
  const result = oAuthClient ? await oAuthClient.introspectToken('https://auth.example', 'x') : { oAuthClient: 'none' }
  await db.close()
  return result
}
`

/** The class of `@atxp/common`, whose published build is ESM alone, as far as this library finds it. */
const COMMON = `
export class OAuthResourceClient {
  async introspectToken() {
    return { active: true }
  }
}
`

const IMPORTS = `import { RedisOAuthDatabase, withOAuthDatabase } from '@atxp/redis'
import { createClient, OAuthAuthenticationRequiredError } from '@atxp/client'
`
const REQUIRES = `const { RedisOAuthDatabase, withOAuthDatabase } = require('@atxp/redis')
const { createClient, OAuthAuthenticationRequiredError } = require('@atxp/client')
`

/** A project with this package, the stand-ins, and the programs: one in both module systems, a function's file, and a server. */
export async function writeProject(directory: string, installed: string): Promise<void> {
  await cp(installed, join(directory, 'node_modules'), { recursive: true })
  const client = join(directory, 'node_modules/@atxp/client')
  const common = join(directory, 'node_modules/@atxp/common')
  await mkdir(client, { recursive: true })
  await mkdir(common, { recursive: true })
  const names = '{ OAuthAuthenticationRequiredError, createClient }'
  const manifest = {
    name: '@atxp/client',
    version: '0.11.0',
    exports: { '.': { import: './index.mjs', require: './index.cjs' } },
  }
  const commonManifest = { name: '@atxp/common', exports: { '.': { import: './index.mjs' } } }
  await Promise.all([
    writeFile(join(common, 'package.json'), JSON.stringify(commonManifest)),
    writeFile(join(common, 'index.mjs'), COMMON),
    writeFile(join(client, 'package.json'), JSON.stringify(manifest)),
    writeFile(join(client, 'index.mjs'), `${CLIENT}export ${names}\n`),
    writeFile(join(client, 'index.cjs'), `${CLIENT}module.exports = ${names}\n`),
    writeFile(join(directory, 'program.mjs'), IMPORTS + PROGRAM + PRINTED),
    writeFile(join(directory, 'program.cjs'), REQUIRES + PROGRAM + PRINTED),
    writeFile(join(directory, 'function.mjs'), `${IMPORTS + PROGRAM}export { main as handler }\n`),
    writeFile(join(directory, 'server.mjs'), IMPORTS + SERVER + PRINTED),
  ])
}
