import { createHash } from 'node:crypto'
import { OAuthRefusal } from './client-registry.js'

interface Family {
  clientId: string
  subject: string
  state: 'alive' | 'refused' | 'revoked'
}

interface CodeRequest {
  clientId: string
  redirectUri: string
  codeChallenge: string
  subject: string
}

interface Code extends CodeRequest {
  expiresAtMs: number
  family: Family | null
}

export interface GrantSettings {
  accessTokenLifetimeSeconds: number
  /** With a login. */
  issueRefreshTokens: boolean
  /** From the answer to a refresh. */
  omitRefreshToken: boolean
  rotateRefreshTokens: boolean
}

/** A token answer of RFC 6749 section 5.1. */
export interface TokenAnswer {
  access_token: string
  token_type: string
  expires_in: number
  refresh_token?: string
}

/** What RFC 7662 says of a token. */
export interface TokenState {
  active: boolean
  sub?: string
  client_id?: string
  token_type?: string
  exp?: number
}

const CODE_LIFETIME_MS = 60_000

const NO_COUNTS = {
  codeGrants: 0,
  refreshes: 0,
  refusedCodes: 0,
  refusedRefreshes: 0,
  /** Refreshes by what was never issued: so clients ask whether they are still known. */
  unknownRefreshTokens: 0,
  codeReuses: 0,
  reuseDetections: 0,
  familiesRevoked: 0,
}

export type GrantCounters = Record<keyof typeof NO_COUNTS | 'familiesAlive', number>

/**
 * Codes, access tokens and refresh tokens, in memory. A family is everything that came from one authorization;
 * a refresh token that is presented after it was rotated away revokes its family (RFC 9700 section 4.14.2), and so
 * does a code that is redeemed twice (RFC 6749 section 4.1.2).
 *
 * Every secret that it makes holds `-secret-`, so that errors, logs and requests can be searched for one.
 */
export class GrantLedger {
  readonly #settings: GrantSettings
  #codes = new Map<string, Code>()
  #accessTokens = new Map<string, { family: Family; expiresAtMs: number }>()
  #refreshTokens = new Map<string, { family: Family; spent: boolean }>()
  #families: Family[] = []
  #counts = { ...NO_COUNTS }
  // Never starts again: a token left over from an earlier scenario must not be another one's.
  #lastNumber = 0

  /** @param settings - read at each grant, so that its owner may change it */
  constructor(settings: GrantSettings) {
    this.#settings = settings
  }

  counts(): GrantCounters {
    const familiesAlive = this.#families.filter((family) => family.state === 'alive').length
    return { ...this.#counts, familiesAlive }
  }

  reset(): void {
    this.#codes.clear()
    this.#accessTokens.clear()
    this.#refreshTokens.clear()
    this.#families = []
    this.#counts = { ...NO_COUNTS }
  }

  issueCode(request: CodeRequest): string {
    const code = this.#newSecret('code')
    this.#codes.set(code, { ...request, expiresAtMs: Date.now() + CODE_LIFETIME_MS, family: null })
    return code
  }

  redeemCode({
    clientId,
    code: presented,
    redirectUri,
    codeVerifier,
  }: {
    clientId: string
    code: string
    redirectUri: string
    codeVerifier: string
  }): TokenAnswer {
    const code = this.#codes.get(presented)
    const challenge = createHash('sha256').update(codeVerifier).digest('base64url')
    if (
      !code ||
      code.clientId !== clientId ||
      code.redirectUri !== redirectUri ||
      code.codeChallenge !== challenge ||
      code.expiresAtMs <= Date.now()
    ) {
      this.#counts.refusedCodes += 1
      throw invalidGrant('the code is unknown, expired, or was issued otherwise')
    }
    if (code.family) {
      this.#counts.codeReuses += 1
      this.#revoke(code.family)
      throw invalidGrant('the code was redeemed before; its grant is revoked')
    }
    const family: Family = { clientId, subject: code.subject, state: 'alive' }
    code.family = family
    this.#families.push(family)
    this.#counts.codeGrants += 1
    const answer = this.#issueAccessToken(family)
    if (!this.#settings.issueRefreshTokens) return answer
    return { ...answer, refresh_token: this.#issueRefreshToken(family) }
  }

  refresh({ clientId, refreshToken }: { clientId: string; refreshToken: string }): TokenAnswer {
    const held = this.#refreshTokens.get(refreshToken)
    if (!held) {
      this.#counts.unknownRefreshTokens += 1
      throw invalidGrant('the refresh token is unknown')
    }
    if (held.family.clientId !== clientId || held.family.state !== 'alive') {
      this.#counts.refusedRefreshes += 1
      throw invalidGrant('the refresh token is revoked or refused')
    }
    if (held.spent) {
      this.#counts.reuseDetections += 1
      this.#revoke(held.family)
      throw invalidGrant('the refresh token was used before; its family is revoked')
    }
    this.#counts.refreshes += 1
    const answer = this.#issueAccessToken(held.family)
    // Leaving the refresh token out says "go on with the one you have" (RFC 6749 section 6), so it is not spent.
    if (this.#settings.omitRefreshToken) return answer
    if (!this.#settings.rotateRefreshTokens) return { ...answer, refresh_token: refreshToken }
    held.spent = true
    return { ...answer, refresh_token: this.#issueRefreshToken(held.family) }
  }

  /** RFC 7662 section 2.2. */
  introspect(accessToken: string): TokenState {
    const held = this.#accessTokens.get(accessToken)
    if (!held || held.family.state === 'revoked' || held.expiresAtMs <= Date.now()) {
      return { active: false }
    }
    return {
      active: true,
      sub: held.family.subject,
      client_id: held.family.clientId,
      token_type: 'Bearer',
      exp: Math.floor(held.expiresAtMs / 1000),
    }
  }

  /** How many access tokens would still be accepted. */
  accessTokensAlive(): number {
    return [...this.#accessTokens.keys()].filter((token) => this.introspect(token).active).length
  }

  expireAccessTokens(): void {
    for (const held of this.#accessTokens.values()) held.expiresAtMs = 0
  }

  /** From now on no refresh token issued so far is taken, as when a user withdraws consent. */
  refuseRefreshTokens(): void {
    for (const family of this.#families) if (family.state === 'alive') family.state = 'refused'
  }

  #revoke(family: Family): void {
    if (family.state === 'revoked') return
    family.state = 'revoked'
    this.#counts.familiesRevoked += 1
  }

  #issueAccessToken(family: Family): TokenAnswer {
    const lifetimeSeconds = this.#settings.accessTokenLifetimeSeconds
    const token = this.#newSecret('access')
    this.#accessTokens.set(token, { family, expiresAtMs: Date.now() + lifetimeSeconds * 1000 })
    return { access_token: token, token_type: 'Bearer', expires_in: lifetimeSeconds }
  }

  #issueRefreshToken(family: Family): string {
    const token = this.#newSecret('refresh')
    this.#refreshTokens.set(token, { family, spent: false })
    return token
  }

  #newSecret(kind: string): string {
    this.#lastNumber += 1
    return `${kind}-secret-${this.#lastNumber}`
  }
}

function invalidGrant(description: string): OAuthRefusal {
  return new OAuthRefusal(400, 'invalid_grant', description)
}
