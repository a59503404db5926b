import type { PublishedLayout } from '../../record/published.js'

/** Where a URL may begin behind a user; the server saves its tokens under the URL '', so the key then ends with the colon. */
const URL_STARTS = /:(?=https?:\/\/|$)/g
/** The SDK's states are random base64url. */
const STATE = /^(.*):([A-Za-z0-9_-]+)$/s

/**
 * The parts that a key of the published class was joined from; undefined where it can be read in two ways.
 * @param rest - the key behind its prefix and layout
 */
export function partsOf(
  layout: PublishedLayout,
  rest: string,
): readonly [first: string, second: string] | undefined {
  if (layout === 'client_credentials') return [rest, '']
  if (layout === 'pkce') {
    const [, user, state] = STATE.exec(rest) ?? []
    return user === undefined || state === undefined ? undefined : [user, state]
  }
  const [at, another] = [...rest.matchAll(URL_STARTS)].map(({ index }) => index)
  return at === undefined || another !== undefined
    ? undefined
    : [rest.slice(0, at), rest.slice(at + 1)]
}
