import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { describeConformance } from '../../support/conformance/describe-conformance.js'
import { type RunningTopology, TEST_PREFIX, TOPOLOGIES } from '../../support/servers/topologies.js'

type Open = (options?: RedisOAuthDatabaseOptions) => RedisOAuthDatabase

for (const topology of TOPOLOGIES) {
  describe(`on ${topology.name}`, () => {
    let redis: RunningTopology

    beforeAll(async () => {
      redis = await topology.start()
    })

    afterAll(async () => {
      await redis?.stop()
    })

    const open: Open = (options) =>
      new RedisOAuthDatabase({ ...redis.options, keyPrefix: TEST_PREFIX, ...options })

    describeConformance('the database', () => open())
    if (topology.name === 'standalone') describeVariants(open)
  })
}

const encryption = { keys: [{ id: 'k1', key: randomBytes(32) }] }
const hashKeys = { key: randomBytes(32) }

function describeVariants(open: Open): void {
  describeConformance('a database with encryption', () => open({ encryption }))
  describeConformance('a database with encryption and hashed names', () =>
    open({ encryption, hashKeys }),
  )
  describeConformance(
    'a database with asynchronous encryption',
    () => open({ encryption: { seal: async (bytes) => bytes, open: async (bytes) => bytes } }),
    {
      // A write leaves once it is sealed.
      except: [
        'a read returns what a save that was called just before it has saved, awaited or not',
      ],
    },
  )
  describeConformance('the database of a resource server', () => open().forResourceServer())
  describeConformance('a database where nobody waits for a registration', () =>
    open({ registrationLeaseMs: 0 }),
  )
  describeConformance(
    "a database with expiredAccessTokens: 'drop'",
    () => open({ expiredAccessTokens: 'drop' }),
    {
      except: [
        'returns an access token that was saved as expired when it has a refresh token',
        'returns an access token that has expired since when it has a refresh token',
      ],
    },
  )
  describeConformance(
    'a database with singleUsePkce: false',
    () => open({ singleUsePkce: false }),
    {
      except: [
        'gives PKCE values to their first reader and to no later one',
        'gives PKCE values to exactly one of many concurrent readers',
        'gives PKCE values to exactly one of the concurrent readers of several handles',
      ],
    },
  )
}
