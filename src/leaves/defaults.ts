/** What holds where an option is left out, by the place where it is given. The only source: a test compares it with the comments. */
export const DEFAULTS = {
  database: {
    host: 'localhost',
    port: 6379,
    db: 0,
    keyPrefix: 'atxp:oauth:',
    connectionTimeout: 10_000,
    retryDelayOnFailover: 100,
    maxRetriesPerRequest: 3,
    commandTimeout: 2_000,
    refreshTokenTtl: 2_592_000_000,
    accessTokenTtl: 86_400_000,
    pkceTtl: 600_000,
    singleUsePkce: true,
    expiredAccessTokens: 'keep',
    registrationLeaseMs: 3_000,
    cache: false,
  },
  /** What `cache: true` stands for. */
  cache: { maxEntries: 10_000, maxBytes: 67_108_864, maxAgeMs: 30_000 },
  /** 8 MiB are about 2500 records of 1000 characters. */
  encryption: { acceptPlaintext: false, writePlaintext: false, memoBytes: 8_388_608 },
  /** Of `singleFlight`. A coordinated request has the same, for the parts that it shares with it. */
  flight: { leaseMs: 5_000, waitMs: 40_000, maxHoldMs: 35_000, whenStoreFails: 'fail' },
  close: { timeoutMs: 25_000 },
  ready: { write: false },
  metrics: { spans: false },
  export: { secrets: 'sealed' },
  import: { secrets: 'sealed', overwrite: false, resume: 0 },
  /** Of `RedisOAuthDb`, and of what it has left. */
  published: { keyPrefix: 'oauth:' },
} as const
