import { describe, expect, it } from 'vitest'
import { oauthDbConformance } from '../../../src/conformance.js'
import { FAULTS } from '../../support/conformance/faulty-dbs.js'
import { handlesOf, names } from '../../support/conformance/sound-db.js'

const TIMEOUT_MS = 15_000

describe('every case fails for a database with that fault', () => {
  it.concurrent.each(FAULTS.map(([name, fault]) => [name, fault.name, fault] as const))(
    '%s: %s',
    async (name, _fault, Fault) => {
      const found = oauthDbConformance(handlesOf(Fault)).find((one) => one.name === name)
      const [declared] = oauthDbConformance(handlesOf(Fault), { except: [name] }).filter(
        (one) => one.name === `known deviation: ${name}`,
      )
      await Promise.all([
        expect(found?.run()).rejects.toThrow(/Why it matters: /),
        expect(declared?.run()).resolves.toBeUndefined(),
      ])
    },
    TIMEOUT_MS,
  )

  it('and no case is without one', () => {
    expect([...new Set(FAULTS.map(([name]) => name))].sort()).toEqual([...names].sort())
  })
})
