import { createHmac, timingSafeEqual } from 'node:crypto'

// The fixture's accounts and its authorization server share this key, as real ones share a key pair.
const SIGNING_KEY = 'fixture-account-key'

/** @param {string} signed */
const sign = (signed) => createHmac('sha256', SIGNING_KEY).update(signed).digest('base64url')

/** @param {unknown} part */
const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')

/**
 * What `atxpClient` asks of an account: a name, and one payment maker that proves it to the authorization
 * server. The members beyond `accountId` and `paymentMakers` are those that newer clients ask for.
 * @param {string} accountId
 */
export function createAccount(accountId) {
  const paymentMaker = {
    /** @param {{ codeChallenge: string }} request */
    async generateJWT({ codeChallenge }) {
      const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: accountId, code_challenge: codeChallenge })}`
      return `${signed}.${sign(signed)}`
    },
    /** @returns {Promise<string>} */
    async makePayment() {
      throw new Error('The fixture has nothing to pay for')
    },
    getSourceAddress: () => accountId,
  }
  return {
    accountId,
    paymentMakers: { base: paymentMaker },
    usesAccountsAuthorize: false,
    getAccountId: async () => accountId,
    getSources: async () => [],
    createSpendPermission: async () => null,
  }
}

/**
 * The account that signed `token` for this very code challenge, else null.
 * @param {string} token
 * @param {string} codeChallenge
 * @returns {string | null}
 */
export function verifyAccountToken(token, codeChallenge) {
  const [header, payload, signature] = token.split('.')
  if (!header || !payload || !signature) return null
  const expected = Buffer.from(sign(`${header}.${payload}`))
  const given = Buffer.from(signature)
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return null
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
  return claims.code_challenge === codeChallenge ? claims.sub : null
}
