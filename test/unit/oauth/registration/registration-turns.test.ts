import { expect, test, vi } from 'vitest'
import { RegistrationTurns } from '../../../../src/oauth/registration/registration-turns.js'
import { holdTime } from '../../../support/held-time.js'
import { settled } from '../../../support/oauth/expired-session.js'
import { MemoryStore } from '../../../support/oauth/memory-store.js'

const SERVER = ['client', 'https://auth.example']

holdTime()
/** Looks for a registration, and how long that took. */
async function look(turns: RegistrationTurns, found: string | null = null): Promise<number> {
  const startedAt = performance.now()
  await settled(turns.take(SERVER, async () => found))
  return performance.now() - startedAt
}

test('a registration that nobody makes is waited for once', async () => {
  const turns = new RegistrationTurns(new MemoryStore(), 3_000)
  expect(await look(turns)).toBeLessThan(100)
  expect(await look(turns)).toBeGreaterThanOrEqual(2_900)
  for (let time = 0; time < 5; time += 1) expect(await look(turns)).toBeLessThan(100)
})

test('it is waited for again once one has been made, and after a minute', async () => {
  const turns = new RegistrationTurns(new MemoryStore(), 3_000)
  await look(turns)
  await look(turns)
  await turns.end(SERVER)
  await look(turns)
  expect(await look(turns)).toBeGreaterThanOrEqual(2_000)
  await vi.advanceTimersByTimeAsync(60_000)
  await look(turns)
  expect(await look(turns)).toBeGreaterThanOrEqual(2_000)
})
