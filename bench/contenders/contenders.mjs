// Everything that is compared, by the name that scenarios and results call it.

const CONTENDERS = {
  ours: { title: 'this library', file: 'ours' },
  'ours-coordinated': {
    title: 'this library, coordinating refreshes',
    file: 'ours',
    options: { isCoordinated: true },
  },
  'ours-encrypted': {
    title: 'this library, encrypted',
    file: 'ours',
    options: { isEncrypted: true, memoBytes: 0 },
  },
  'ours-hot': {
    title: 'this library, encrypted, read before',
    file: 'ours',
    options: { isEncrypted: true },
    maxRecords: 1_000,
  },
  'ours-cached': {
    title: 'this library, cached',
    file: 'ours',
    // Redis tells of changes by prefix, in whatever database: others' writes are not to disturb it, nor it them.
    options: { cache: true, keyPrefix: 'cached:oauth:' },
  },
  'ours-cached-by-key': {
    title: 'this library, cached, told by read keys',
    file: 'tracked-by-key',
    options: { cache: true, keyPrefix: 'cached:oauth:' },
  },
  'ours-text': { title: 'this library, token API', file: 'ours', open: 'openTexts' },
  'ours-text-encrypted': {
    title: 'this library, token API, encrypted',
    file: 'ours',
    open: 'openTexts',
    options: { isEncrypted: true, memoBytes: 0 },
  },
  upstream: { title: "upstream's way", file: 'upstream' },
  'upstream-again': { title: "upstream's way, again", file: 'upstream' },
  'upstream-encrypted': {
    title: "upstream's way, encrypted by its hooks",
    file: 'upstream',
    options: { isEncrypted: true },
  },
  ioredis: { title: 'ioredis', file: 'ioredis' },
  'ioredis-auto': {
    title: 'ioredis, autopipelining',
    file: 'ioredis',
    options: { enableAutoPipelining: true },
  },
  batched: { title: 'ioredis, batched by hand (limit)', file: 'batched' },
  cipher: { title: 'AES-256-GCM in memory (limit)', file: 'cipher' },
  keyv: { title: '@keyv/redis', file: 'keyv' },
  'connect-redis': { title: 'connect-redis', file: 'connect-redis' },
  memory: { title: "the SDK's MemoryOAuthDb", file: 'memory' },
  map: { title: 'a Map (limit)', file: 'memory', open: 'openMap' },
}

/** How tables and plots call it; what only one scenario knows has a name that needs no title. */
export function titleOf(name) {
  return CONTENDERS[name]?.title ?? name
}

/** How many records it reads from at most; each other reads from all that there are. */
export function maxRecordsOf(name) {
  return CONTENDERS[name].maxRecords ?? Number.POSITIVE_INFINITY
}

/**
 * A store of these records: `read(index)` and `write(index, version)`, `stampOf` what was read for a check that costs
 * nothing, `tokenOf` it for a thorough one, and `close()`.
 */
export async function openContender(name, place, records) {
  const { file, open = 'open', options } = CONTENDERS[name]
  const module = await import(`./${file}.mjs`)
  return module[open](place, records, options)
}
