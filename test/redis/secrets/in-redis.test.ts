import { randomBytes } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { openDatabase, startServer } from '../../support/scene.js'
import {
  GUESSES,
  NAMES,
  NEVER_STORED,
  SECRETS,
  useEverything,
} from '../../support/secrets/secrets-in-use.js'
import {
  type Everything,
  everyFile,
  everyKey,
  readable,
  startMonitor,
  startWiretap,
} from '../../support/secrets/secrets-witness.js'
import { bareClient } from '../../support/servers/bare-client.js'

const encryption = { keys: [{ id: 'k1', key: randomBytes(32) }] }
const hashKeys = { key: randomBytes(32) }

interface Witnesses {
  /** Names of keys, and what indexes have of them, at several moments. */
  names: Buffer[]
  values: Buffer[]
  /** All connections, both directions. */
  traffic: Buffer[]
  monitor: Buffer[]
  files: Buffer[]
}

async function witness(
  options: RedisOAuthDatabaseOptions,
): Promise<{ witnesses: Witnesses; kinds: string[] }> {
  const redis = await startServer({
    appendonly: true,
    // So that the files can be searched.
    config: { rdbcompression: 'no' },
  })
  const client = bareClient({ path: redis.path })
  const tap = await startWiretap(redis)
  onTestFinished(() => tap.stop())
  const monitor = await startMonitor(redis)
  onTestFinished(() => monitor.stop())
  const open = (more: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase =>
    openDatabase({ host: tap.host, port: tap.port, ...options, ...more })
  const looks: Everything[] = []
  const db = open()
  const durable = open({ durability: { replicas: 1, timeoutMs: 20 } })
  await useEverything(db, open(), durable, async () => {
    looks.push(await everyKey(client))
  })
  if (options.encryption !== undefined) await db.reseal()
  const names = looks.flatMap(({ values }) => [...values.keys()])
  const kinds = new Set(names.map((name) => /^atxp:oauth:~(\w+)/.exec(name)?.[1] ?? 'token'))
  const witnesses = {
    names: [...names.map((name) => Buffer.from(name)), ...looks.flatMap(({ indexed }) => indexed)],
    values: looks.flatMap(({ values, dumps }) => [...values.values(), ...dumps]),
    traffic: tap.heard(),
    monitor: await monitor.shown(),
    files: await everyFile(redis),
  }
  return { witnesses, kinds: [...kinds].sort() }
}

/** What must have stood in Redis, or the search has not looked at it. */
const KINDS = [
  'access',
  'client',
  'consumed',
  'index',
  'lease',
  'marker',
  'pkce',
  'refused',
  'reply',
  'resource',
  'rest',
  'spent',
  'token',
]

const sorted = (texts: object): string[] => Object.keys(texts).sort()

describe('who reads all keys, the snapshot, the append-only file, MONITOR and the traffic', () => {
  it('can read everything in each of them where there is no encryption', async () => {
    const { witnesses, kinds } = await witness({})
    expect(kinds).toEqual(KINDS)
    const { names, ...others } = witnesses
    for (const [witnessName, seen] of Object.entries(others)) {
      expect([witnessName, readable(SECRETS, seen)]).toEqual([witnessName, sorted(SECRETS)])
    }
    expect(readable(SECRETS, names)).toEqual([])
    expect(readable(NAMES, names)).toEqual(sorted(NAMES))
    expect(readable(NEVER_STORED, Object.values(witnesses).flat())).toEqual([])
  })

  it('can read users, URLs, token keys and states in names, and nothing else, with encryption', async () => {
    const { witnesses, kinds } = await witness({ encryption })
    expect(kinds).toEqual(KINDS)
    const { names, values, ...others } = witnesses
    expect(readable(NAMES, names)).toEqual(sorted(NAMES))
    expect(readable(NAMES, values)).toEqual([])
    const secrets = { ...SECRETS, ...NEVER_STORED }
    expect(readable(secrets, [...names, ...values, ...Object.values(others).flat()])).toEqual([])
    expect(readable(GUESSES, names)).toEqual(sorted(GUESSES))
  })

  it('can read nothing with encryption and hashed names', async () => {
    const { witnesses, kinds } = await witness({ encryption, hashKeys })
    expect(kinds).toEqual(KINDS)
    const texts = { ...SECRETS, ...NEVER_STORED, ...NAMES }
    expect(readable(texts, Object.values(witnesses).flat())).toEqual([])
    expect(readable(GUESSES, Object.values(witnesses).flat())).toEqual([])
  })
})
