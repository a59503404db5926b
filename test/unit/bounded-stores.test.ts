import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createNameHash } from '../../src/crypto/name-hash.js'
import { RecentMap } from '../../src/leaves/recent-map.js'
import { ClientMemory } from '../../src/mcp/client-memory.js'
import { Echoes } from '../../src/oauth/places/echoes.js'
import { RegistrationTurns } from '../../src/oauth/registration/registration-turns.js'
import { HandedOut } from '../../src/oauth/session/handed-out.js'
import { ClientRefusals, type RegistrationRecords } from '../../src/oauth/trust/client-refusals.js'
import { Issuers } from '../../src/oauth/trust/issuers.js'
import { ReadIssuers } from '../../src/oauth/trust/read-issuers.js'
import { RefusedTokens } from '../../src/oauth/trust/refused-tokens.js'
import { KeySpace } from '../../src/record/keys.js'
import type { Commands } from '../../src/redis/commands.js'
import type { IndexCommands } from '../../src/redis/index-commands.js'
import { RegistrationStore } from '../../src/store/registration-store.js'
import type { ConditionalWrites } from '../../src/store/vault/conditional-writes.js'
import { IndexedRecords } from '../../src/store/vault/indexed-records.js'
import type { Vault } from '../../src/store/vault/vault.js'
import { MemoryStore } from '../support/oauth/memory-store.js'

// Whatever a process remembers goes on for as long as the process. Each store is filled by what it is told, until it is full.

const LONG = 'x'.repeat(500)
const MONTHS_MS = 90 * 86_400_000
const MOST_CALLS = 60_000

interface Row {
  /** Under `src`. */
  readonly file: string
  readonly maps: number
  /** Makes a store, and gives what tells it of one more thing. */
  readonly store: () => (i: number) => unknown
}

const token = (i: number) => ({ accessToken: `a${i}`, refreshToken: `r${i}`, resourceUrl: '' })

const ROWS: readonly Row[] = [
  {
    file: 'crypto/name-hash.ts',
    maps: 1,
    store: () => {
      const hash = createNameHash({
        key: '8f3ac41d7e9b02566d1be87f40c29a35e1d0778b34fa92c65b18e6039dc7a421',
      })
      return (i) => hash(`${LONG}${i}`)
    },
  },
  {
    file: 'mcp/client-memory.ts',
    maps: 4,
    store: () => {
      const memory = new ClientMemory()
      return (i) => {
        memory.addVerifier(`${LONG}${i}`)
        memory.addClient({ client_id: `${i}`, client_secret: LONG })
        memory.refused(`${LONG}${i}`)
        memory.read(`${LONG}${i}`)
      }
    },
  },
  {
    file: 'oauth/places/echoes.ts',
    maps: 2,
    store: () => {
      const echoes = new Echoes()
      return (i) => {
        echoes.expect(`${LONG}${i}`, LONG, token(i))
        echoes.forget(`${LONG}${i}`)
      }
    },
  },
  {
    file: 'oauth/registration/registration-turns.ts',
    maps: 1,
    store: () => {
      const turns = new RegistrationTurns(new MemoryStore(), 60_000)
      return (i) => turns.take([`${i}`], async () => null)
    },
  },
  {
    // Here a peer has each turn and makes nothing of it.
    file: 'oauth/registration/registration-turns.ts',
    maps: 1,
    store: () => {
      const peers = new MemoryStore()
      peers.acquire = async () => false
      peers.watch = async () => {
        vi.advanceTimersByTime(1)
        return () => undefined
      }
      const turns = new RegistrationTurns(peers, 1)
      return (i) => turns.take([`${i}`], async () => null)
    },
  },
  {
    file: 'oauth/session/handed-out.ts',
    maps: 2,
    store: () => {
      const handedOut = new HandedOut()
      return (i) => {
        handedOut.note(`${LONG}${i}`, `https://mcp.example/${i}`, `a${i}`)
        handedOut.note(`${LONG}${i}`, `https://mcp.example/${i}`, undefined)
      }
    },
  },
  {
    // Here one client serves many users at one url.
    file: 'oauth/session/handed-out.ts',
    maps: 1,
    store: () => {
      const handedOut = new HandedOut()
      return (i) => {
        for (let user = 0; user < 100; user += 1)
          handedOut.note(`${LONG}${user}`, `https://mcp.example/${i}`, undefined)
      }
    },
  },
  {
    file: 'oauth/trust/client-refusals.ts',
    maps: 1,
    store: () => {
      const registrations = { knows: () => true } as Partial<RegistrationRecords>
      const issuers = { issuerOf: (endpoint: string) => endpoint } as Partial<Issuers>
      const refusals = new ClientRefusals(
        registrations as RegistrationRecords,
        issuers as Issuers,
        1_000,
      )
      return (i) => {
        const endpoint = `https://auth${Math.floor(i / 20)}.example/token`
        const client = { clientId: `${LONG}${i}`, clientSecret: '' }
        const refused = new Response('{}', { status: 401 })
        return refusals.noteClientRefusal(refused, { kind: 'code', endpoint, client }, true)
      }
    },
  },
  {
    file: 'oauth/trust/issuers.ts',
    maps: 3,
    store: () => {
      const issuers = new Issuers()
      return (i) => {
        const issuer = `https://auth${i}.example/${LONG}`
        issuers.learn(new URL(`${issuer}/.well-known/openid-configuration`), {
          issuer,
          token_endpoint: `${issuer}/token`,
          registration_endpoint: `${issuer}/register`,
          authorization_endpoint: `${issuer}/authorize`,
          introspection_endpoint: `${issuer}/introspect`,
          revocation_endpoint: `${issuer}/revoke`,
        })
        issuers.noteIssued(`a${i}`, issuer, `${issuer}/token`)
      }
    },
  },
  {
    file: 'oauth/trust/read-issuers.ts',
    maps: 1,
    store: () => {
      const read = new ReadIssuers()
      return (i) => read.add(`https://auth${i}.example/${LONG}`)
    },
  },
  {
    file: 'oauth/trust/refused-tokens.ts',
    maps: 2,
    store: () => {
      const refused = new RefusedTokens()
      return (i) => refused.note(`${LONG}${i}`, `https://mcp${Math.floor(i / 14)}.example`)
    },
  },
  {
    file: 'store/registration-store.ts',
    maps: 1,
    store: () => {
      const none = undefined as unknown
      const registrations = new RegistrationStore(
        new KeySpace('test:'),
        none as Commands,
        none as Vault,
        none as ConditionalWrites,
      )
      return (i) =>
        registrations.remember(`https://auth${i}.example`, 'client', {
          clientId: LONG,
          clientSecret: `${LONG}${LONG}${LONG}${LONG}${i}`,
          redirectUri: '',
        })
    },
  },
  {
    file: 'store/vault/noted-deletions.ts',
    maps: 1,
    store: () => {
      const keys = new KeySpace('test:')
      const commands = {
        set: async () => true,
        delete: async () => [1, 0],
      } as Partial<IndexCommands>
      const records = new IndexedRecords(keys, commands as IndexCommands, 1_000)
      return async (i) => {
        await records.set(keys.of('access', `${LONG}${i}`, LONG), '', { ttlMs: 1_000 })
        await records.delete(keys.of('access', `${LONG}${-i - 1}`, LONG))
      }
    },
  },
]

const set = RecentMap.prototype.set
let maps: Set<RecentMap<unknown>>

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  maps = new Set()
  RecentMap.prototype.set = function (key, value) {
    maps.add(this)
    set.call(this, key, value)
  }
})

afterEach(() => {
  RecentMap.prototype.set = set
  vi.useRealTimers()
})

/** Full as far as an entry more, of the weight of those that are there, would not fit. */
function isFull({ size, bytes, limits }: RecentMap<unknown>): boolean {
  return size === limits.maxEntries || bytes + (2 * bytes) / size > limits.maxBytes
}

test.each(ROWS)('what $file remembers has a bound in bytes and an age', async (row) => {
  const tell = row.store()
  let calls = 0
  do await tell(calls++)
  while (calls < MOST_CALLS && ![...maps].every(isFull))
  expect(maps.size).toBe(row.maps)
  for (const map of maps) expect(isFull(map)).toBe(true)
  for (let more = 0; more < 100; more += 1) await tell(calls++)
  for (const { size, bytes, limits } of maps) {
    expect(size).toBeLessThanOrEqual(limits.maxEntries)
    expect(bytes).toBeLessThanOrEqual(limits.maxBytes)
    expect(limits.maxBytes).toBeLessThanOrEqual(32 * 2 ** 20)
  }
  vi.advanceTimersByTime(MONTHS_MS)
  await tell(calls)
  for (const { size } of maps) expect(size).toBeLessThanOrEqual(5)
})

test('every store that is made of such a map is filled here', async () => {
  const src = fileURLToPath(new URL('../../src', import.meta.url))
  const files = (await pathsIn(src)).filter((path) => path.endsWith('.ts'))
  const made: string[] = []
  for (const path of files) {
    const text = await readFile(path, 'utf8')
    if (/new RecentMap\b/.test(text)) made.push(relative(src, path))
  }
  expect([...new Set(ROWS.map(({ file }) => file))].sort()).toEqual(made.sort())
})

async function pathsIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const paths = entries.map(async (entry) => {
    const path = join(directory, entry.name)
    return entry.isDirectory() ? await pathsIn(path) : [path]
  })
  return (await Promise.all(paths)).flat()
}
