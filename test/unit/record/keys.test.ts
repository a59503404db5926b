import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeySpace } from '../../../src/record/keys.js'

const keys = new KeySpace('atxp:oauth:')

/** Text full of what means something in a key name, a glob pattern or a hash tag. */
const special = fc.string({ unit: fc.constantFrom(...'~:{}%*?[]\\^-/ab'), maxLength: 8 })
const word = fc.constantFrom('~client:', '~access:{', '~pkce:{a}:', '~~', '}:', '%7D', '%')
const part = fc.oneof(
  special,
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.array(fc.oneof(word, special), { maxLength: 3 }).map((parts) => parts.join('')),
)
const tokenKey = part.filter((text) => text !== '')
const prefix = fc.constantFrom('', '~', '~~', 'atxp:oauth:', 'a[b]*?:', '{fleet}:', 'é:')

/** One record: its kind and parts, as one value that equals another's only if both are the same. */
type Named = [kind: 'token' | 'client' | 'resource' | 'pkce' | 'consumed' | 'access', ...string[]]

const named: fc.Arbitrary<Named> = fc.oneof(
  fc.tuple(fc.constant('token' as const), tokenKey),
  fc.tuple(fc.constantFrom('client' as const, 'resource' as const), part),
  fc.tuple(fc.constantFrom('pkce' as const, 'consumed' as const, 'access' as const), part, part),
)

function nameOf([kind, first = '', second = '']: Named, space: KeySpace = keys): string {
  if (kind === 'token') return space.token(first)
  if (kind === 'pkce') return space.pkce(first, second)
  if (kind === 'consumed') return space.consumedPkce(first, second)
  if (kind === 'access') return space.access(first, second)
  return space.client(first, kind)
}

/** What Redis Cluster hashes of a key. */
function hashed(key: string): string {
  const open = key.indexOf('{')
  const close = open === -1 ? -1 : key.indexOf('}', open)
  return close > open + 1 ? key.slice(open + 1, close) : key
}

describe('the name of a token', () => {
  it('is the prefix and the key, as the reference shows it', () => {
    expect(keys.token('user_123')).toBe('atxp:oauth:user_123')
    expect(new KeySpace('myapp:auth:').token('user_123')).toBe('myapp:auth:user_123')
  })

  it('has the tilde doubled with which other records begin', () => {
    expect(keys.token('~client:https://a')).toBe('atxp:oauth:~~client:https://a')
    expect(keys.token('a~b')).toBe('atxp:oauth:a~b')
  })

  it('gives its key back', () => {
    fc.assert(
      fc.property(prefix, tokenKey, (start, key) => {
        const space = new KeySpace(start)
        expect(space.tokenKeyOf(space.token(key))).toBe(key)
      }),
    )
  })

  it.each([
    ['', 'key must not be empty'],
    ['a\ud800', 'key must not have a lone surrogate'],
    [undefined, 'key must be a string, not undefined'],
    [7, 'key must be a string, not number'],
    [['a'], 'key must be a string, not object'],
  ])('is refused for the key %j', (key, message) => {
    expect(() => keys.token(key as string)).toThrow(new TypeError(message))
  })
})

it('no two different records share a name', () => {
  fc.assert(
    fc.property(named, named, (one, other) => {
      const isSame = JSON.stringify(one) === JSON.stringify(other)
      expect(nameOf(one) === nameOf(other)).toBe(isSame)
    }),
    { numRuns: 5_000 },
  )
})

it('parts of records that only meet when they are joined have different names', () => {
  expect(keys.access('base:0xa', 'b:c')).not.toBe(keys.access('base:0xa:b', 'c'))
  expect(keys.access('a}:b', 'c')).not.toBe(keys.access('a', 'b}:c'))
  expect(keys.access('', 'a')).not.toBe(keys.access('%', 'a'))
  expect(keys.access('%7D', 'a')).not.toBe(keys.access('}', 'a'))
})

it('only the name of a token is taken for one', () => {
  fc.assert(
    fc.property(prefix, named, (start, record) => {
      const space = new KeySpace(start)
      const [kind, key] = record
      expect(space.tokenKeyOf(nameOf(record, space))).toBe(kind === 'token' ? key : null)
    }),
  )
  expect(keys.tokenKeyOf('atxp:oauth:')).toBeNull()
  expect(keys.tokenKeyOf('atxp:oauth:~')).toBeNull()
})

it('all records of a user share a hash slot, and those of another user have another', () => {
  fc.assert(
    fc.property(part, part, part, part, (user, other, state, url) => {
      const tag = hashed(keys.access(user, url))
      expect(hashed(keys.pkce(user, state))).toBe(tag)
      expect(hashed(keys.consumedPkce(user, state))).toBe(tag)
      expect(hashed(keys.access(other, url)) === tag).toBe(user === other)
    }),
  )
})

it('only the records of a user are taken for his, whatever stands in the keys and URLs of others', () => {
  const user = fc.constantFrom('a', '', '%', '}', '{a}', '*', 'a}:{a')
  const other = fc.oneof(
    part,
    user,
    user.map((name) => `x:{${name}}:y`),
  )
  fc.assert(
    fc.property(named, user, other, other, ([kind, ...parts], owner, first, second) => {
      const hasUser = kind === 'pkce' || kind === 'consumed' || kind === 'access'
      for (const record of [
        [kind, ...parts],
        [kind, first || 'a', second],
      ] as Named[]) {
        expect(keys.isOfUser(owner, nameOf(record))).toBe(hasUser && record[1] === owner)
      }
    }),
    { numRuns: 1_000 },
  )
})

it('the URL of an access token can be read from its name', () => {
  fc.assert(
    fc.property(part, part, (user, url) => {
      expect(keys.urlOf(user, keys.access(user, url))).toBe(url)
    }),
  )
})

it('a part with a lone surrogate is refused with its name', () => {
  const lone = '\udc00'
  expect(() => keys.client(lone, 'client')).toThrow(/^serverUrl must not have a lone surrogate/)
  expect(() => keys.access(lone, 'url')).toThrow(/^userId must not have a lone surrogate/)
  expect(() => keys.access('user', lone)).toThrow(/^url must not have a lone surrogate/)
  expect(() => keys.pkce('user', lone)).toThrow(/^state must not have a lone surrogate/)
})

it('the pattern of a scan takes glob characters of the prefix as they are', () => {
  expect(keys.pattern).toBe('atxp:oauth:*')
  expect(new KeySpace('a*b?c[d]\\:').pattern).toBe('a\\*b\\?c\\[d\\]\\\\:*')
})
