import { createHash } from 'node:crypto'
import { OAuthRefusal } from './client-registry.mjs'

/**
 * @typedef {{ id: number, clientId: string, subject: string, state: 'alive' | 'refused' | 'revoked' }} Family
 * @typedef {{ clientId: string, redirectUri: string, codeChallenge: string, subject: string,
 *   expiresAtMs: number, family: Family | null }} Code
 * @typedef {{ accessTokenLifetimeSeconds: number, issueRefreshTokens: boolean, omitRefreshToken: boolean,
 *   rotateRefreshTokens: boolean }} GrantSettings
 */

const CODE_LIFETIME_MS = 60_000

const NO_COUNTS = {
  codeGrants: 0,
  refreshes: 0,
  refusedCodes: 0,
  refusedRefreshes: 0,
  codeReuses: 0,
  reuseDetections: 0,
  familiesRevoked: 0,
}

/**
 * Codes, access tokens and refresh tokens, in memory. A family is everything that came from one authorization;
 * a refresh token that is presented after it was rotated away revokes its family (RFC 9700 section 4.14.2), and so
 * does a code that is redeemed twice (RFC 6749 section 4.1.2).
 *
 * Every secret that it makes holds `-secret-`, so that a test can search errors, logs and events for one.
 */
export class GrantLedger {
  /** @type {GrantSettings} */
  #settings
  /** @type {Map<string, Code>} */
  #codes = new Map()
  /** @type {Map<string, { family: Family, expiresAtMs: number }>} */
  #accessTokens = new Map()
  /** @type {Map<string, { family: Family, spent: boolean }>} */
  #refreshTokens = new Map()
  /** @type {Family[]} */
  #families = []
  #counts = { ...NO_COUNTS }
  // Never starts again: a token left over from an earlier scenario must not be another one's.
  #lastNumber = 0

  /** @param {GrantSettings} settings read at each grant, so that its owner may change it */
  constructor(settings) {
    this.#settings = settings
  }

  counts() {
    const familiesAlive = this.#families.filter((family) => family.state === 'alive').length
    return { ...this.#counts, familiesAlive }
  }

  reset() {
    this.#codes.clear()
    this.#accessTokens.clear()
    this.#refreshTokens.clear()
    this.#families = []
    this.#counts = { ...NO_COUNTS }
  }

  /**
   * @param {{ clientId: string, redirectUri: string, codeChallenge: string, subject: string }} request
   * @returns {string}
   */
  issueCode(request) {
    const code = this.#newSecret('code')
    this.#codes.set(code, { ...request, expiresAtMs: Date.now() + CODE_LIFETIME_MS, family: null })
    return code
  }

  /** @param {{ clientId: string, code: string, redirectUri: string, codeVerifier: string }} request */
  redeemCode({ clientId, code: presented, redirectUri, codeVerifier }) {
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
      throw new OAuthRefusal(
        400,
        'invalid_grant',
        'the code is unknown, expired, or was issued otherwise',
      )
    }
    if (code.family) {
      this.#counts.codeReuses += 1
      this.#revoke(code.family)
      throw new OAuthRefusal(
        400,
        'invalid_grant',
        'the code was redeemed before; its grant is revoked',
      )
    }
    /** @type {Family} */
    const family = { id: this.#families.length, clientId, subject: code.subject, state: 'alive' }
    code.family = family
    this.#families.push(family)
    this.#counts.codeGrants += 1
    const answer = this.#issueAccessToken(family)
    if (!this.#settings.issueRefreshTokens) return answer
    return { ...answer, refresh_token: this.#issueRefreshToken(family) }
  }

  /** @param {{ clientId: string, refreshToken: string }} request */
  refresh({ clientId, refreshToken }) {
    const held = this.#refreshTokens.get(refreshToken)
    if (!held || held.family.clientId !== clientId || held.family.state !== 'alive') {
      this.#counts.refusedRefreshes += 1
      throw new OAuthRefusal(
        400,
        'invalid_grant',
        'the refresh token is unknown, revoked or refused',
      )
    }
    if (held.spent) {
      this.#counts.reuseDetections += 1
      this.#revoke(held.family)
      throw new OAuthRefusal(
        400,
        'invalid_grant',
        'the refresh token was used before; its family is revoked',
      )
    }
    this.#counts.refreshes += 1
    const answer = this.#issueAccessToken(held.family)
    // Leaving the refresh token out says "go on with the one you have" (RFC 6749 section 6), so it is not spent.
    if (this.#settings.omitRefreshToken) return answer
    if (!this.#settings.rotateRefreshTokens) return { ...answer, refresh_token: refreshToken }
    held.spent = true
    return { ...answer, refresh_token: this.#issueRefreshToken(held.family) }
  }

  /**
   * RFC 7662 section 2.2.
   * @param {string} accessToken
   */
  introspect(accessToken) {
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

  /** @returns {number} how many access tokens would still be accepted */
  accessTokensAlive() {
    return [...this.#accessTokens.keys()].filter((token) => this.introspect(token).active).length
  }

  expireAccessTokens() {
    for (const held of this.#accessTokens.values()) held.expiresAtMs = 0
  }

  /** From now on no refresh token issued so far is taken, as when a user withdraws consent. */
  refuseRefreshTokens() {
    for (const family of this.#families) if (family.state === 'alive') family.state = 'refused'
  }

  /** @param {Family} family */
  #revoke(family) {
    if (family.state === 'revoked') return
    family.state = 'revoked'
    this.#counts.familiesRevoked += 1
  }

  /** @param {Family} family */
  #issueAccessToken(family) {
    const lifetimeSeconds = this.#settings.accessTokenLifetimeSeconds
    const token = this.#newSecret('access')
    this.#accessTokens.set(token, { family, expiresAtMs: Date.now() + lifetimeSeconds * 1000 })
    return { access_token: token, token_type: 'Bearer', expires_in: lifetimeSeconds }
  }

  /** @param {Family} family */
  #issueRefreshToken(family) {
    const token = this.#newSecret('refresh')
    this.#refreshTokens.set(token, { family, spent: false })
    return token
  }

  /** @param {string} kind */
  #newSecret(kind) {
    this.#lastNumber += 1
    return `${kind}-secret-${this.#lastNumber}`
  }
}
