import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Rest, RestStore } from '../../../src/oauth/refresh/rests.js'
import { STORES, type Stores } from '../../support/coordination/stores.js'
import { eventually } from '../../support/eventually.js'

const TRIAL_MS = 60_000

describe.each(STORES)('rests in %s', (_, start) => {
  let stores: Stores
  let rests: RestStore
  let name: string

  beforeAll(async () => {
    stores = await start()
    rests = stores.rests
  }, 60_000)
  afterAll(() => stores?.stop())
  beforeEach(() => {
    name = createHash('sha256').update(randomUUID()).digest('base64url')
  })

  /** So many failures in a row, of which each knows the one before. */
  async function failTimes(times: number, retryAfterMs = 0): Promise<Rest> {
    let rest: Rest | null = null
    for (let i = 0; i < times; i += 1) {
      rest = await rests.fail(name, rest?.text ?? '', retryAfterMs, '503')
    }
    return rest as Rest
  }

  const over = () => eventually(async () => ((await rests.look(name))?.leftMs ?? 1) <= 0)

  it('are none while all is well', async () => {
    expect(await rests.look(name)).toBeNull()
    expect(await rests.enter(name, TRIAL_MS)).toBeNull()
  })

  it.each([
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [6, 30_000],
    [40, 30_000],
  ])('after %d failures last %d ms', async (failures, restMs) => {
    expect(await failTimes(failures)).toMatchObject({ failures, restMs, isTrial: false })
    const rest = await rests.look(name)
    expect(rest).toMatchObject({ failures, restMs, isTrial: false })
    expect(rest?.leftMs).toBeGreaterThan(0)
    expect(rest?.leftMs).toBeLessThanOrEqual(restMs)
  })

  it('last as long as the server asks for, if that is longer', async () => {
    expect(await failTimes(1, 300_000)).toMatchObject({ restMs: 300_000 })
    expect(await failTimes(1, 1)).toMatchObject({ restMs: 300_000 })
  })

  it('count what was sent before them for nothing', async () => {
    await failTimes(1)
    expect(await rests.fail(name, '', 0, '503')).toMatchObject({ failures: 1 })
    expect(await rests.fail(name, 'of another time', 0, '503')).toMatchObject({ failures: 1 })
  })

  it('keep everyone from sending until they are over, and then all but one', async () => {
    await failTimes(1)
    expect((await rests.enter(name, TRIAL_MS))?.leftMs).toBeGreaterThan(0)
    await over()
    const entered = await rests.enter(name, TRIAL_MS)
    expect(entered).toMatchObject({ failures: 1, isTrial: true })
    expect(entered?.leftMs).toBeLessThanOrEqual(0)
    const other = await rests.enter(name, TRIAL_MS)
    expect(other).toMatchObject({ failures: 1, isTrial: true })
    expect(other?.leftMs).toBeGreaterThan(0)
    expect(await rests.fail(name, entered?.text ?? '', 0, '503')).toMatchObject({
      failures: 2,
      restMs: 2_000,
      isTrial: false,
    })
  })

  it('let another try when the one who tries is not heard of', async () => {
    await failTimes(1)
    await over()
    await rests.enter(name, 30)
    await over()
    expect((await rests.enter(name, TRIAL_MS))?.leftMs).toBeLessThanOrEqual(0)
  })

  it('end, and are forgotten', async () => {
    await failTimes(3)
    await rests.end(name)
    expect(await rests.look(name)).toBeNull()
    expect(await failTimes(1)).toMatchObject({ failures: 1 })
  })
})
