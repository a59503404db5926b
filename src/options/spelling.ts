/** Names that other libraries have, and what they are called here. */
const ELSEWHERE: ReadonlyMap<string, string | readonly string[]> = new Map(
  Object.entries({
    redis: 'url or client',
    ioredis: 'client',
    uri: 'url',
    connectionstring: 'url',
    hostname: 'host',
    socketpath: 'path',
    user: 'username',
    pass: 'password',
    auth: 'password',
    database: 'db',
    prefix: 'keyPrefix',
    ssl: 'tls',
    sentinels: 'sentinel',
    sentinelpassword: 'sentinel.password',
    nodes: 'cluster or sentinel',
    connecttimeout: 'connectionTimeout',
    timeout: 'commandTimeout or connectionTimeout',
    maxsize: 'maxEntries',
    ttl: ['maxAgeMs', 'refreshTokenTtl or accessTokenTtl'],
    encrypt: 'encryption',
    decrypt: 'encryption',
    defaultttl: 'accessTokenTtl',
  }),
)

/** The name that was most likely meant, or undefined where none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase()
  const elsewhere = [ELSEWHERE.get(lower) ?? []]
    .flat()
    .find((names) => names.split(/ or |\./).every((one) => known.includes(one)))
  if (elsewhere !== undefined) return elsewhere
  let best: string | undefined
  // One slip in three characters, and always one.
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(lower, candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** How many characters to insert, leave out, replace, or swap with the next one. */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1]
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (isSame ? 0 : 1),
        isSwapped ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = last
    last = row
  }
  return last[b.length] as number
}
