import { createHash } from 'node:crypto'
import { createAccount } from './account.mjs'

export const ACCOUNT = 'base:0xfixture'
const REDIRECT_URI = 'http://127.0.0.1/callback'
const VERIFIER = 'v'.repeat(43)

export interface Registration {
  client_id: string
  client_secret?: string
}

export interface Answer {
  status: number
  body: Record<string, unknown>
}

export function credentials({ client_id, client_secret }: Registration): Record<string, string> {
  return client_secret === undefined ? { client_id } : { client_id, client_secret }
}

/** The requests of an OAuth client one by one, so that a test can send the wrong one. */
export function createRawClient(issuer: string) {
  async function register(method = 'client_secret_post'): Promise<Registration> {
    const response = await fetch(`${issuer}/register`, {
      method: 'POST',
      body: JSON.stringify({ redirect_uris: [REDIRECT_URI], token_endpoint_auth_method: method }),
    })
    if (response.status !== 201) throw new Error(`registration was answered ${response.status}`)
    return (await response.json()) as Registration
  }

  async function authorize(client: Registration, changes: Record<string, string> = {}) {
    const codeChallenge = createHash('sha256').update(VERIFIER).digest('base64url')
    const query = new URLSearchParams({
      client_id: client.client_id,
      redirect_uri: REDIRECT_URI,
      response_type: 'code',
      code_challenge: codeChallenge,
      code_challenge_method: 'S256',
      state: 'some-state',
      redirect: 'false',
      ...changes,
    })
    const jwt = await createAccount(ACCOUNT).paymentMakers.base.generateJWT({ codeChallenge })
    return fetch(`${issuer}/authorize?${query}`, {
      headers: { authorization: `Bearer ${jwt}` },
      redirect: 'manual',
    })
  }

  async function codeFor(client: Registration): Promise<string> {
    const response = await authorize(client)
    const { redirect } = (await response.json()) as { redirect: string }
    return new URL(redirect).searchParams.get('code') ?? ''
  }

  async function token(
    form: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers,
      body: new URLSearchParams(form),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  function redeem(client: Registration, code: string, changes: Record<string, string> = {}) {
    return token({
      grant_type: 'authorization_code',
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: VERIFIER,
      ...credentials(client),
      ...changes,
    })
  }

  function refresh(client: Registration, refreshToken: unknown): Promise<Answer> {
    return token({
      grant_type: 'refresh_token',
      refresh_token: String(refreshToken),
      ...credentials(client),
    })
  }

  async function login(): Promise<{ client: Registration; tokens: Record<string, unknown> }> {
    const client = await register()
    const { body } = await redeem(client, await codeFor(client))
    return { client, tokens: body }
  }

  return { register, authorize, codeFor, token, redeem, refresh, login }
}
