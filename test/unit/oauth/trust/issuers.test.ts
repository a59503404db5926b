import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { Issuers, issuerKey } from '../../../../src/oauth/trust/issuers.js'
import { ReadIssuers } from '../../../../src/oauth/trust/read-issuers.js'

const HONEST = 'https://honest.example'
const EVIL = 'https://evil.example'

function metadata(issuer: string, changes: object = {}): object {
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    authorization_endpoint: `${issuer}/authorize`,
    introspection_endpoint: `${issuer}/introspect`,
    revocation_endpoint: `${issuer}/revoke`,
    ...changes,
  }
}

/** Has read these documents, each at its issuer's own URL. */
function having(...documents: object[]): Issuers {
  const issuers = new Issuers()
  for (const document of documents) {
    const { issuer } = document as { issuer: string }
    issuers.learn(new URL('/.well-known/oauth-authorization-server', issuer), document)
  }
  return issuers
}

describe('a document counts where it was found', () => {
  const found = (issuer: string, at: string) => {
    const issuers = new Issuers()
    issuers.learn(new URL(at), metadata(issuer))
    return issuers.issuerOf(`${issuer}/token`, 'token') === issuer
  }

  test.each([
    [HONEST, `${HONEST}/.well-known/oauth-authorization-server`],
    [`${HONEST}/`, `${HONEST}/.well-known/oauth-authorization-server`],
    [HONEST, `${HONEST}/.well-known/openid-configuration`],
    [`${HONEST}/tenant`, `${HONEST}/.well-known/oauth-authorization-server/tenant`],
    [`${HONEST}/tenant/`, `${HONEST}/.well-known/oauth-authorization-server/tenant`],
    [`${HONEST}/tenant`, `${HONEST}/.well-known/openid-configuration/tenant`],
    [`${HONEST}/tenant`, `${HONEST}/tenant/.well-known/openid-configuration`],
  ])('%s at %s', (issuer, at) => {
    expect(found(issuer, at)).toBe(true)
  })

  test.each([
    [HONEST, `${EVIL}/.well-known/oauth-authorization-server`],
    [HONEST, 'http://honest.example/.well-known/oauth-authorization-server'],
    [HONEST, `${HONEST}:8443/.well-known/oauth-authorization-server`],
    [HONEST, `${HONEST}/.well-known/oauth-authorization-server/tenant`],
    [`${HONEST}/tenant`, `${HONEST}/.well-known/oauth-authorization-server`],
    [`${HONEST}/tenant`, `${HONEST}/other/.well-known/openid-configuration`],
    [HONEST, `${HONEST}/files/.well-known/openid-configuration`],
    [HONEST, `${HONEST}/.well-known/oauth-authorization-server?as=evil`],
    [`${HONEST}?a=b`, `${HONEST}/.well-known/oauth-authorization-server`],
    ['https://user@honest.example', `${HONEST}/.well-known/oauth-authorization-server`],
    ['honest.example', `${HONEST}/.well-known/oauth-authorization-server`],
  ])('not %s at %s', (issuer, at) => {
    expect(found(issuer, at)).toBe(false)
  })
})

test('each endpoint belongs to its issuer, as what its document names it', () => {
  const issuers = having(metadata(HONEST), metadata(EVIL))
  for (const issuer of [HONEST, EVIL]) {
    expect(issuers.issuerOf(`${issuer}/token`, 'token')).toBe(issuer)
    expect(issuers.issuerOf(`${issuer}/revoke`, 'introspection', 'revocation')).toBe(issuer)
    expect(issuers.soleIssuerOf(`${issuer}/register`, 'registration')).toBe(issuer)
    expect(issuers.issuerOf(`${issuer}/token`, 'registration')).toBeUndefined()
    expect(issuers.issuerOf(`${issuer}/token?a=b`, 'token')).toBeUndefined()
  }
  expect(issuers.issuerOf('https://unknown.example/token', 'token')).toBeUndefined()
  expect(issuers.issuerOf('no url', 'token')).toBeUndefined()
})

test("endpoints may stand at another origin than the issuer's", () => {
  const issuers = having(metadata(HONEST, { token_endpoint: 'https://tokens.example/token' }))
  expect(issuers.issuerOf('https://tokens.example/token', 'token')).toBe(HONEST)
})

describe('whose tokens a client gets at an endpoint', () => {
  const APART = 'https://tokens.example/token'
  const issuers = having(metadata(HONEST), metadata(EVIL, { token_endpoint: APART }))

  test("the issuer's at its own origin, whatever the client has read", () => {
    const read = new ReadIssuers()
    expect(issuers.tokenIssuer(`${HONEST}/token`, read)).toBe(HONEST)
    read.addUnknown()
    expect(issuers.tokenIssuer(`${HONEST}/token`, read)).toBe(HONEST)
  })

  test('at another only of an issuer that the client has read, and of nobody else', () => {
    const read = new ReadIssuers()
    read.add(HONEST)
    expect(issuers.tokenIssuer(APART, read)).toBeUndefined()
    read.add(EVIL)
    expect(issuers.tokenIssuer(APART, read)).toBe(EVIL)
    read.addUnknown()
    expect(issuers.tokenIssuer(APART, read)).toBeUndefined()
  })
})

describe('an endpoint that a document of another issuer names too', () => {
  const lie = metadata(EVIL, {
    token_endpoint: `${HONEST}/token`,
    registration_endpoint: `${HONEST}/register#`,
  })

  test.each([
    ['first', [lie, metadata(HONEST)]],
    ['last', [metadata(HONEST), lie]],
  ])('remains that of its own origin: the lie %s', (_, documents) => {
    const issuers = having(...documents)
    expect(issuers.issuerOf(`${HONEST}/token`, 'token')).toBe(HONEST)
    expect(issuers.issuerOf(`${HONEST}/register`, 'registration')).toBe(HONEST)
  })

  test('is the sole one of nobody', () => {
    const issuers = having(metadata(HONEST), lie)
    expect(issuers.soleIssuerOf(`${HONEST}/register`, 'registration')).toBeUndefined()
    expect(issuers.soleIssuerOf(`${HONEST}/token`, 'token')).toBeUndefined()
  })

  test('remains contested when the other takes its claim back: a client may hold the old document', () => {
    const issuers = having(metadata(HONEST), lie, metadata(EVIL))
    expect(issuers.soleIssuerOf(`${HONEST}/register`, 'registration')).toBeUndefined()
  })

  test('is contested by whatever name it goes', () => {
    const named = metadata(EVIL, { introspection_endpoint: `${HONEST}/register` })
    const issuers = having(metadata(HONEST), named)
    expect(issuers.soleIssuerOf(`${HONEST}/register`, 'registration')).toBeUndefined()
    expect(issuers.issuerOf(`${HONEST}/register`, 'introspection')).toBeUndefined()
  })

  test("belongs to nobody where it is of neither's origin, or of both", () => {
    const shared = { token_endpoint: 'https://tokens.example/token' }
    const apart = having(metadata(HONEST, shared), metadata(EVIL, shared))
    expect(apart.issuerOf('https://tokens.example/token', 'token')).toBeUndefined()
    const tenants = new Issuers()
    for (const tenant of ['a', 'b']) {
      tenants.learn(
        new URL(`${HONEST}/.well-known/oauth-authorization-server/${tenant}`),
        metadata(`${HONEST}/${tenant}`, { token_endpoint: `${HONEST}/token` }),
      )
    }
    expect(tenants.issuerOf(`${HONEST}/token`, 'token')).toBeUndefined()
  })
})

test.each([
  ['of the issuer that is known', { issuer: HONEST }, `${HONEST}/token`, false],
  ['another', { issuer: HONEST }, `${EVIL}/token`, true],
  ['of its origin, and not in its document', { issuer: HONEST }, `${HONEST}/other`, true],
  [
    'named by it, by the issuer spelled otherwise',
    { issuer: `${HONEST}/` },
    `${HONEST}/token`,
    false,
  ],
  [
    'that gave it, and is not in its document now',
    { issuer: HONEST, endpoint: `${HONEST}/other` },
    `${HONEST}/other`,
    false,
  ],
  [
    'in its document, though another gave it',
    { issuer: HONEST, endpoint: `${HONEST}/other` },
    `${HONEST}/token`,
    false,
  ],
  ['of a record without issuer', {}, `${EVIL}/token`, false],
  ['no URL', { issuer: HONEST }, 'token', true],
  [
    'that gave it, the document unseen',
    { issuer: EVIL, endpoint: `${EVIL}/t` },
    `${EVIL}/t`,
    false,
  ],
  ['another, the document unseen', { issuer: EVIL, endpoint: `${EVIL}/t` }, `${EVIL}/token`, true],
  ['of the origin, no more being known', { issuer: EVIL }, `${EVIL}/token`, false],
  ['of another origin, no more being known', { issuer: EVIL }, `${HONEST}/token`, true],
])('a token endpoint %s', (_, origin, endpoint, isForeign) => {
  expect(having(metadata(HONEST)).isForeign(origin, endpoint)).toBe(isForeign)
})

test('what the documents of others say makes no endpoint one of a record', () => {
  const issuers = having(metadata(HONEST), metadata(EVIL, { token_endpoint: `${HONEST}/token` }))
  expect(issuers.isForeign({ issuer: HONEST }, `${HONEST}/token`)).toBe(false)
  expect(issuers.isForeign({ issuer: HONEST }, `${EVIL}/token`)).toBe(true)
})

test('who gave an access token is remembered, and of two nobody', () => {
  const issuers = new Issuers()
  const endpoint = `${HONEST}/token`
  issuers.noteIssued('a', HONEST, endpoint)
  issuers.noteIssued('a', HONEST, endpoint)
  expect(issuers.issuedBy('a')).toEqual({ issuer: HONEST, endpoint })
  expect(issuers.issuedBy('b')).toBeUndefined()
  issuers.noteIssued('a', EVIL, `${EVIL}/token`)
  issuers.noteIssued('a', HONEST, endpoint)
  expect(issuers.issuedBy('a')).toBeUndefined()
})

describe('observing', () => {
  const url = new URL(`${HONEST}/.well-known/oauth-authorization-server`)
  const observe = async (answer: Response) => {
    const issuers = new Issuers()
    issuers.observe(url, answer, 60_000, new ReadIssuers())
    await issuers.caughtUp()
    return issuers.issuerOf(`${HONEST}/token`, 'token')
  }

  test('reads a copy; the answer is still whole', async () => {
    const answer = Response.json(metadata(HONEST))
    expect(await observe(answer)).toBe(HONEST)
    expect(await answer.json()).toEqual(metadata(HONEST))
  })

  test.each([
    ['another status', () => Response.json(metadata(HONEST), { status: 201 })],
    ['no JSON', () => new Response('<html>')],
    ['JSON of no object', () => Response.json([metadata(HONEST)])],
    ['over 1 MiB', () => Response.json(metadata(HONEST, { more: 'x'.repeat(1024 * 1024) }))],
  ])('takes nothing from an answer with %s', async (_, answer) => {
    expect(await observe(answer())).toBeUndefined()
  })

  test.each([
    [201, false],
    [404, true],
  ])('after an answer with %i a client knows its issuers: %s', (status, isSure) => {
    const read = new ReadIssuers()
    read.add(HONEST)
    new Issuers().observe(url, Response.json(metadata(EVIL), { status }), 60_000, read)
    expect(read.has(HONEST)).toBe(isSure)
  })

  test('an answer that was read already breaks nothing', async () => {
    const answer = Response.json(metadata(HONEST))
    await answer.text()
    expect(await observe(answer)).toBeUndefined()
  })

  test('an answer that never ends is waited for by nobody', async () => {
    const never = new ReadableStream({ pull: () => new Promise(() => undefined) })
    expect(await observe(new Response(never))).toBeUndefined()
  })
})

test('no document makes it throw', () => {
  const anything = fc.anything({ withNullPrototype: true })
  const members = fc.record({
    issuer: fc.oneof(fc.constantFrom(HONEST, `${HONEST}/`), fc.webUrl(), anything),
    token_endpoint: fc.oneof(fc.webUrl(), anything),
    registration_endpoint: anything,
  })
  fc.assert(
    fc.property(fc.oneof(members, fc.object()), fc.webUrl(), (document, endpoint) => {
      const issuers = new Issuers()
      issuers.learn(new URL(`${HONEST}/.well-known/oauth-authorization-server`), document)
      issuers.issuerOf(endpoint, 'token')
      issuers.isForeign({ issuer: endpoint }, HONEST)
    }),
  )
})

test('issuers are told apart by more than their origin', () => {
  expect(issuerKey(HONEST)).toBe(issuerKey(`${HONEST}/`))
  expect(issuerKey('HTTPS://Honest.example')).toBe(issuerKey(HONEST))
  expect(issuerKey(`${HONEST}/a`)).not.toBe(issuerKey(HONEST))
  for (const none of ['', 'honest', `${HONEST}?a`, `${HONEST}#a`, 'file:///etc']) {
    expect(issuerKey(none)).toBeUndefined()
  }
})

test('an endpoint that is contested falls to nobody in time', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const endpoint = 'https://tokens.example/token'
    const [one, other] = [HONEST, 'https://other.example'].map((issuer) =>
      metadata(issuer, { token_endpoint: endpoint }),
    )
    const issuers = having(one as object, other as object)
    vi.advanceTimersByTime(20 * 86_400_000)
    issuers.learn(new URL('/.well-known/oauth-authorization-server', HONEST), one as object)
    expect(issuers.issuerOf(endpoint, 'token')).toBeUndefined()
    vi.advanceTimersByTime(20 * 86_400_000)
    issuers.learn(new URL('/.well-known/oauth-authorization-server', HONEST), one as object)
    expect(issuers.soleIssuerOf(endpoint, 'token')).toBeUndefined()
  } finally {
    vi.useRealTimers()
  }
})

describe('one who publishes thousands of documents', () => {
  /** Each names five endpoints of its own, or what `changes` says. */
  function flood(issuers: Issuers, changes: object = {}): number {
    let learned = 0
    for (let tenant = 0; tenant < 2_500; tenant += 1) {
      const issuer = `${EVIL}/${tenant}`
      const url = new URL(`${EVIL}/.well-known/oauth-authorization-server/${tenant}`)
      if (issuers.learn(url, metadata(issuer, changes)) !== undefined) learned += 1
    }
    return learned
  }

  test('has no other forgotten', () => {
    const issuers = having(metadata(HONEST))
    expect(flood(issuers)).toBeLessThan(2_500)
    expect(issuers.soleIssuerOf(`${HONEST}/register`, 'registration')).toBe(HONEST)
    expect(issuers.issuerOf(`${HONEST}/token`, 'token')).toBe(HONEST)
    expect(issuers.isForeign({ issuer: HONEST }, `${HONEST}/other`)).toBe(true)
  })

  test('takes over no endpoint of another', () => {
    const issuers = having(metadata(HONEST))
    flood(issuers)
    const lie = { registration_endpoint: `${HONEST}/register`, token_endpoint: `${HONEST}/token` }
    flood(issuers, lie)
    expect(issuers.issuerOf(`${HONEST}/register`, 'registration')).toBe(HONEST)
    expect(issuers.issuerOf(`${HONEST}/token`, 'token')).toBe(HONEST)
    expect(issuers.soleIssuerOf(`${HONEST}/register`, 'registration')).not.toBe(EVIL)
  })

  test('keeps no other from moving its token endpoint', () => {
    const issuers = having(metadata(HONEST))
    flood(issuers)
    const url = new URL(`${HONEST}/.well-known/oauth-authorization-server`)
    issuers.learn(url, metadata(HONEST, { token_endpoint: `${HONEST}/new` }))
    expect(issuers.isForeign({ issuer: HONEST }, `${HONEST}/new`)).toBe(false)
    expect(issuers.issuerOf(`${HONEST}/new`, 'token')).toBeUndefined()
  })

  describe('and one lie', () => {
    const lie = { token_endpoint: `${HONEST}/token` }
    const url = new URL(`${HONEST}/.well-known/oauth-authorization-server`)
    const expectNobodys = (issuers: Issuers) => {
      expect(issuers.issuerOf(`${HONEST}/token`, 'token')).toBeUndefined()
      expect(issuers.soleIssuerOf(`${HONEST}/token`, 'token')).toBeUndefined()
    }

    test('before gets no endpoint of a newcomer', () => {
      const issuers = having(metadata(EVIL, lie))
      flood(issuers)
      expect(issuers.learn(url, metadata(HONEST))).toBeUndefined()
      expectNobodys(issuers)
    })

    test('afterwards gets none either, while there is room for endpoints', () => {
      const issuers = having(metadata(EVIL))
      const others = ['registration', 'authorization', 'introspection', 'revocation']
      flood(issuers, Object.fromEntries(others.map((kind) => [`${kind}_endpoint`, undefined])))
      expect(issuers.learn(url, metadata(HONEST))).toBeUndefined()
      const again = new URL('/.well-known/oauth-authorization-server', EVIL)
      expect(issuers.learn(again, metadata(EVIL, lie))).toBe(EVIL)
      expectNobodys(issuers)
    })
  })

  test('can only keep a newcomer unknown, who then owns nothing, and for whom nothing is shared', () => {
    const issuers = new Issuers()
    flood(issuers)
    const read = new ReadIssuers()
    const url = new URL(`${HONEST}/.well-known/oauth-authorization-server`)
    expect(issuers.learn(url, metadata(HONEST))).toBeUndefined()
    expect(issuers.soleIssuerOf(`${HONEST}/register`, 'registration')).toBeUndefined()
    expect(read.has(HONEST)).toBe(false)
  })
})

test('a document is known for a day after it was needed', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const issuers = having(metadata(HONEST))
    for (let half = 0; half < 4; half += 1) {
      vi.advanceTimersByTime(43_200_000)
      expect(issuers.soleIssuerOf(`${HONEST}/token`, 'token')).toBe(HONEST)
    }
    vi.advanceTimersByTime(86_400_000)
    expect(issuers.soleIssuerOf(`${HONEST}/token`, 'token')).toBeUndefined()
  } finally {
    vi.useRealTimers()
  }
})
