import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editDistance, nearest } from '../../../src/options/spelling.js'

describe('the distance of two names', () => {
  it.each([
    ['', '', 0],
    ['host', 'host', 0],
    ['hots', 'host', 1],
    ['hst', 'host', 1],
    ['hosst', 'host', 1],
    ['hast', 'host', 1],
    ['', 'host', 4],
    ['kitten', 'sitting', 3],
  ])('from %j to %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
  })

  it('is the same both ways, 0 only for the same, and no more than the longer one has', () => {
    const name = fc.string({ maxLength: 12 })
    fc.assert(
      fc.property(name, name, (a, b) => {
        const distance = editDistance(a, b)
        expect(editDistance(b, a)).toBe(distance)
        expect(distance === 0).toBe(a === b)
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
      }),
    )
  })
})

describe('the name that was meant', () => {
  const known = ['host', 'port', 'password', 'url', 'client']

  it.each([
    ['pasword', 'password'],
    ['PORT', 'port'],
    ['redis', 'url or client'],
    ['pass', 'password'],
    ['hostt', 'host'],
    ['zebra', undefined],
    ['x', undefined],
  ])('by %s is %s', (name, meant) => {
    expect(nearest(name, known)).toBe(meant)
  })

  it.each([
    ['redis', 'url or client'],
    ['encrypt', 'encryption'],
    ['ttl', 'refreshTokenTtl or accessTokenTtl'],
    ['defaultTtl', 'accessTokenTtl'],
    ['constructor', undefined],
  ])('by %s, of the published class, is %s', (name, meant) => {
    const options = ['url', 'client', 'tls', 'encryption', 'refreshTokenTtl', 'accessTokenTtl']
    expect(nearest(name, options)).toBe(meant)
  })

  it('is none that this object does not take', () => {
    expect(nearest('redis', ['replicas', 'timeoutMs'])).toBeUndefined()
  })
})
