import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DeletionError, RedisOAuthDatabaseError, StoreTokensError } from '../../../src/index.js'
import { CALLS, type Call } from '../../support/operations/every-method.js'
import { type Fault, KEYS, type Run, runStruck } from '../../support/operations/struck-call.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

// What a call says, against what stands in Redis afterwards, whichever of its commands meets whichever fault.

/** After these a write may have happened; after all other codes nothing has, or the error counts what has. */
const UNSURE: ReadonlySet<string> = new Set(['OUTCOME_UNKNOWN', 'NOT_DURABLE'])

const FAULTS: { readonly [name: string]: Fault } = {
  'runs and is never answered': { strike: (proxy) => proxy.halfOpen() },
  'runs and is answered late': { strike: (proxy) => proxy.stall('replies') },
  'is held back, and runs late': { strike: (proxy) => proxy.stall('requests') },
  'runs, and the connection is cut for good before the answer': {
    lose: 'reply',
    strike: (proxy) => proxy.refuse(),
  },
  'runs, and the connection is cut before the answer': { lose: 'reply', strike: () => {} },
  'is cut off before it runs': { lose: 'request', strike: (proxy) => proxy.refuse() },
}

const CALLS_HERE: { readonly [method: string]: Call } = {
  ...CALLS,
  'storeToken of what has expired': (db) =>
    db.storeToken('a0', 'next', new Date(Date.now() - 60_000)),
  'storeToken without an end': (db) => db.storeToken('a0', 'next'),
}

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

function check(run: Run, done: Record<string, string>): void {
  const { outcome, before, after } = run
  if ('value' in outcome) {
    expect(after).toEqual(done)
    return
  }
  const { error } = outcome
  expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
  const { code } = error as RedisOAuthDatabaseError
  if (error instanceof DeletionError) checkDeletion(run, error)
  else if (error instanceof StoreTokensError) checkImport(run, error)
  // It happened or it did not.
  else if (UNSURE.has(code)) expect([before, done]).toContainEqual(after)
  else expect(after).toEqual(before)
}

function checkDeletion({ before, after }: Run, { code, removed }: DeletionError): void {
  const gone = Object.keys(before).filter((key) => !(key in after)).length
  expect(gone).toBeGreaterThanOrEqual(removed)
  if (!UNSURE.has(code)) expect(gone).toBe(removed)
}

function checkImport({ after }: Run, { attempted, failures }: StoreTokensError): void {
  for (const [index, key] of KEYS.entries()) {
    const failure = failures.find((one) => one.index === index)
    if (failure !== undefined && UNSURE.has(failure.code)) continue
    const isStored = index < attempted && failure === undefined
    expect(after[`atxp:oauth:${key}`]).toBe(isStored ? 'next' : 'first')
  }
}

describe.each(Object.entries(CALLS_HERE))('what %s says is so, when', (_method, call) => {
  let faultless: Run

  beforeAll(async () => {
    faultless = await runStruck(server, call, -1, { strike: () => {} })
    expect(faultless.outcome).toHaveProperty('value')
  })

  it.each(Object.entries(FAULTS))('a command %s', async (_name, fault) => {
    expect(faultless.sent.length).toBeGreaterThan(0)
    for (const at of faultless.sent.keys())
      check(await runStruck(server, call, at, fault), faultless.after)
  })

  it('Redis refuses a command', async () => {
    for (const name of new Set(faultless.sent)) {
      const refuse = (): Promise<unknown> => server.cli('ACL', 'SETUSER', 'default', `-${name}`)
      const refused: Call = (db, keys) => refuse().then(() => call(db, keys))
      try {
        check(await runStruck(server, refused, -1, { strike: () => {} }), faultless.after)
      } finally {
        await server.cli('ACL', 'SETUSER', 'default', '+@all')
      }
    }
  })
})
