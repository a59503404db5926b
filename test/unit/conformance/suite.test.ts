import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { oauthDbConformance } from '../../../src/conformance.js'
import { Undefined } from '../../support/conformance/faulty-dbs.js'
import { handlesOf, names, runAll, SoundDb } from '../../support/conformance/sound-db.js'

describe.concurrent('the suite', { timeout: 15_000 }, () => {
  describe('a sound database', () => {
    it('passes every case', async () => {
      const outcomes = await runAll(oauthDbConformance(handlesOf(SoundDb)))
      expect(outcomes).toEqual(Object.fromEntries(names.map((name) => [name, 'passes'])))
    })

    it('fails every case that is declared a known deviation', async () => {
      const outcomes = await runAll(oauthDbConformance(handlesOf(SoundDb), { except: names }))
      expect(Object.keys(outcomes)).toEqual(names.map((name) => `known deviation: ${name}`))
      for (const outcome of Object.values(outcomes)) expect(outcome).toMatch(/options\.except$/)
    })
  })

  it('a database that cannot be opened is no deviation', async () => {
    const refuse = () => Promise.reject(new Error('no such server'))
    const [first] = oauthDbConformance(refuse, { except: names })
    await expect(first?.run()).rejects.toThrow('no such server')
  })

  it('a name that no case has is refused', () => {
    expect(() => oauthDbConformance(handlesOf(SoundDb), { except: ['flies'] })).toThrow(
      new TypeError('options.except names "flies", and no case is called so'),
    )
    expect(() => oauthDbConformance(undefined as never)).toThrow(TypeError)
  })

  it('every handle is closed, also after a failure', async () => {
    let open = 0
    class Counted extends Undefined {
      constructor(store: Map<string, string>) {
        super(store)
        open += 1
      }
      override async close(): Promise<void> {
        open -= 1
      }
    }
    const cases = oauthDbConformance(handlesOf(Counted)).filter(
      ({ name }) => !name.includes('clos'),
    )
    await runAll(cases)
    expect(open).toBe(0)
  })

  it('etc/ lists every case and where it comes from', () => {
    const page = new URL('../../../etc/conformance-cases.md', import.meta.url)
    const table = readFileSync(page, 'utf8')
    const documented = [...table.matchAll(/^\| (.*) \| (.*) \|$/gm)].slice(1)
    const cases = oauthDbConformance(handlesOf(SoundDb))
    expect(documented.map(([, name, source]) => ({ name, source }))).toEqual(
      cases.map(({ name, source }) => ({ name, source })),
    )
  })
})
