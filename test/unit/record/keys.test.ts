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
  if (kind === 'pkce' || kind === 'consumed' || kind === 'access') {
    return space.of(kind, first, second).redisKey
  }
  return space.of(kind, first).redisKey
}

/** What Redis Cluster hashes of a key. */
function hashed(key: string): string {
  const open = key.indexOf('{')
  const close = open === -1 ? -1 : key.indexOf('}', open)
  return close > open + 1 ? key.slice(open + 1, close) : key
}

describe('the name of a token', () => {
  it('is the prefix and the key, as the reference shows it', () => {
    expect(keys.of('token', 'user_123').redisKey).toBe('atxp:oauth:user_123')
    expect(new KeySpace('myapp:auth:').of('token', 'user_123').redisKey).toBe('myapp:auth:user_123')
  })

  it('has the tilde doubled with which other records begin', () => {
    expect(keys.of('token', '~client:https://a').redisKey).toBe('atxp:oauth:~~client:https://a')
    expect(keys.of('token', 'a~b').redisKey).toBe('atxp:oauth:a~b')
  })

  it.each([
    ['', 'key must not be empty'],
    ['a\ud800', 'key must not have a lone surrogate'],
    [undefined, 'key must be a string, not undefined'],
    [7, 'key must be a string, not number'],
    [['a'], 'key must be a string, not object'],
  ])('is refused for the key %j', (key, message) => {
    expect(() => keys.of('token', key as string)).toThrow(new TypeError(message))
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
  expect(keys.of('access', 'base:0xa', 'b:c').redisKey).not.toBe(
    keys.of('access', 'base:0xa:b', 'c').redisKey,
  )
  expect(keys.of('access', 'a}:b', 'c').redisKey).not.toBe(keys.of('access', 'a', 'b}:c').redisKey)
  expect(keys.of('access', '', 'a').redisKey).not.toBe(keys.of('access', '%', 'a').redisKey)
  expect(keys.of('access', '%7D', 'a').redisKey).not.toBe(keys.of('access', '}', 'a').redisKey)
})

describe('a key that was found', () => {
  it('says its kind and the last part of its name', () => {
    fc.assert(
      fc.property(prefix, named, (start, record) => {
        const space = new KeySpace(start)
        const [kind, ...parts] = record
        const redisKey = nameOf(record, space)
        const userId = parts.length === 2 ? parts[0] : undefined
        expect(space.parse(redisKey)).toEqual({ kind, redisKey, name: parts.at(-1), userId })
      }),
    )
  })

  it.each([
    ['lease', '{a1b2}'],
    ['spent', '{a1b2}'],
    ['rest', 'a1b2'],
    ['reply', 'a1b2'],
    ['refused', 'a1b2'],
  ] as const)('may be a %s', (kind, last) => {
    const { redisKey } = keys.of(kind, 'a1b2')
    expect(redisKey).toBe(`atxp:oauth:~${kind}:${last}`)
    expect(keys.parse(redisKey)).toMatchObject({ kind, name: 'a1b2' })
  })

  it.each([
    '',
    '~',
    '~:',
    '~token:a',
    '~constructor:a',
    '~access',
    '~access:a',
    '~access:{a}',
    '~access:a}:b',
    '~access:{a}b',
    '~index:{a}:',
    '~index:a}',
    'x',
  ])('is none of ours where %j follows the prefix, unless that is a token key', (rest) => {
    const found = keys.parse(`atxp:oauth:${rest}`)
    expect(found?.kind).toBe(rest === 'x' ? 'token' : undefined)
  })
})

describe('where hashes stand in key names', () => {
  const hashed = new KeySpace('p:', (part) => `#${part.length}`)

  it.each([
    ['token', hashed.of('token', '~key'), 'p:#4', true],
    ['access', hashed.of('access', 'user', 'url'), 'p:~access:{#4}:#3', true],
    ['pkce', hashed.of('pkce', 'user', 'state'), 'p:~pkce:{#4}:#5', true],
    ['client', hashed.of('client', 'url'), 'p:~client:#3', true],
    ['lease', hashed.of('lease', 'name'), 'p:~lease:{#4}', false],
  ] as const)(
    '%s: a record holds its whole name if it has to be listed or moved',
    (kind, key, redisKey, holds) => {
      expect(key.redisKey).toBe(redisKey)
      const stored = hashed.addName(key, 'text')
      const user = key.userId === undefined ? '' : `${key.userId.length}:${key.userId}`
      expect(stored).toBe(holds ? `${user}${key.name.length}:${key.name}text` : 'text')
      const found = hashed.parse(redisKey)
      expect(found).toEqual({ kind, redisKey, name: undefined, userId: undefined })
      expect(found && hashed.textIn(found, stored)).toBe('text')
      if (!holds) return
      const { userId = '', name } = key
      expect(found && hashed.nameIn(found, stored)).toMatchObject({ userId, name })
    },
  )

  it('a record without a name is unreadable', () => {
    const key = hashed.of('token', 'key')
    for (const text of ['', 'text', '9:text', ':', '1']) {
      expect(() => hashed.textIn(key, text)).toThrow(
        expect.objectContaining({ code: 'UNREADABLE_RECORD' }),
      )
    }
  })

  it('and where none stand, the text is all there is', () => {
    const key = keys.of('token', 'key')
    expect(keys.addName(key, '3:a')).toBe('3:a')
    expect(keys.textIn(key, '3:a')).toBe('3:a')
    expect(keys.nameIn(key, '3:a')).toEqual({ userId: '', name: 'key' })
  })
})

it('all records of a user share a hash slot, and those of another user have another', () => {
  fc.assert(
    fc.property(part, part, part, part, (user, other, state, url) => {
      const tag = hashed(keys.of('access', user, url).redisKey)
      expect(hashed(keys.of('pkce', user, state).redisKey)).toBe(tag)
      expect(hashed(keys.of('consumed', user, state).redisKey)).toBe(tag)
      expect(hashed(keys.of('index', user).redisKey)).toBe(tag)
      expect(hashed(keys.of('access', other, url).redisKey) === tag).toBe(user === other)
    }),
  )
})

it('an index names each record of its user and no other, whatever stands in names', () => {
  const indexedKind = fc.constantFrom('access' as const, 'pkce' as const)
  const hash = (text: string) => Buffer.from(text).toString('base64url')
  const spaces = fc.tuple(prefix, fc.constantFrom(undefined, hash))
  fc.assert(
    fc.property(spaces, indexedKind, part, part, ([text, hashOf], kind, user, name) => {
      const space = new KeySpace(text, hashOf)
      const key = space.of(kind, user, name)
      const { index, field } = space.entryOf(key)
      const indexKey = space.of('index', user)
      expect(index).toBe(indexKey.redisKey)
      const found = space.indexed(indexKey, field)
      expect(found).toEqual(space.parse(key.redisKey))
      expect(found?.redisKey).toBe(key.redisKey)
      expect(found?.userId).toBe(hashOf === undefined ? user : undefined)
      expect(space.parse(index)).toMatchObject({ kind: 'index', redisKey: index })
      expect(space.indexed(indexKey, `consumed${field.slice(kind.length)}`)).toBeNull()
      expect(space.consumedOf(space.of('pkce', user, name))).toBe(
        space.of('consumed', user, name).redisKey,
      )
    }),
    { numRuns: 1_000 },
  )
})

it.each(['', 'access', 'token:a', 'lease:a', 'index:a', 'constructor:a', 'access}:{b:c'])(
  'a field %j of an index, which nothing of ours writes, names no record',
  (field) => {
    expect(keys.indexed(keys.of('index', 'user'), field)).toBeNull()
  },
)

it('the near cache hears of access tokens and registrations by their own prefixes', () => {
  expect([...keys.cachedPrefixes].sort()).toEqual([
    'atxp:oauth:~access:',
    'atxp:oauth:~client:',
    'atxp:oauth:~resource:',
  ])
})

it('a part with a lone surrogate is refused with its name', () => {
  const lone = '\udc00'
  expect(() => keys.of('client', lone)).toThrow(/^serverUrl must not have a lone surrogate/)
  expect(() => keys.of('access', lone, 'url')).toThrow(/^userId must not have a lone surrogate/)
  expect(() => keys.of('access', 'user', lone)).toThrow(/^url must not have a lone surrogate/)
  expect(() => keys.of('pkce', 'user', lone)).toThrow(/^state must not have a lone surrogate/)
})

it('the pattern of a scan takes glob characters of the prefix as they are', () => {
  expect(keys.pattern).toBe('atxp:oauth:*')
  expect(new KeySpace('a*b?c[d]\\:').pattern).toBe('a\\*b\\?c\\[d\\]\\\\:*')
})
