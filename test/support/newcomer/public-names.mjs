// To be preloaded: the global `fetch` finds the public names of `PUBLIC_NAMES` at servers of this machine, which do not know them.

/** @type {[publicName: string, local: string][]} */
const NAMES = JSON.parse(process.env.PUBLIC_NAMES ?? '[]')

/** @param {string} text */
const toLocal = (text) => replaced(text, NAMES)

/** @param {string} text */
const toPublic = (text) =>
  replaced(
    text,
    NAMES.map(([name, local]) => [local, name]),
  )

/**
 * As they are, and as a parameter of a URL or form has them.
 * @param {string} text
 * @param {string[][]} pairs
 */
function replaced(text, pairs) {
  for (const [from = '', to = ''] of pairs) {
    text = text.replaceAll(from, to).replaceAll(encodeURIComponent(from), encodeURIComponent(to))
  }
  return text
}

/**
 * @param {Headers} headers
 * @param {(text: string) => string} translate
 */
function translated(headers, translate) {
  const all = new Headers()
  headers.forEach((value, name) => {
    if (name !== 'content-length') all.set(name, translate(value))
  })
  return all
}

const realFetch = globalThis.fetch

globalThis.fetch = async (input, init) => {
  const request = new Request(input, init)
  const text = await request.text()
  const response = await realFetch(toLocal(request.url), {
    method: request.method,
    headers: translated(request.headers, toLocal),
    redirect: request.redirect,
    signal: request.signal,
    ...(text !== '' && { body: toLocal(text) }),
  })
  const { status } = response
  const answer = toPublic(await response.text())
  return new Response(answer === '' ? null : answer, {
    status,
    headers: translated(response.headers, toPublic),
  })
}
