import { createAccount } from '../fleet/account.mjs'

/**
 * What the browser of a user does with an authorization URL: agrees, and comes back.
 * @param {string | URL} authorizationUrl
 * @param {string} userId
 * @returns {Promise<string>} the URL of the callback
 */
export async function agreeAt(authorizationUrl, userId) {
  const url = new URL(authorizationUrl)
  const codeChallenge = url.searchParams.get('code_challenge') ?? ''
  const { base } = createAccount(userId).paymentMakers
  url.searchParams.set('redirect', 'false')
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${await base.generateJWT({ codeChallenge })}` },
  })
  const { redirect } = /** @type {any} */ (await response.json())
  return redirect
}
