import { expect, test } from 'vitest'
import {
  ClientRefusals,
  type RegistrationRecords,
} from '../../../../src/oauth/trust/client-refusals.js'
import type { Issuers } from '../../../../src/oauth/trust/issuers.js'

const HONEST = 'https://honest.example'
const EVIL = 'https://evil.example'

/** Every endpoint is its origin's, and every client is known. */
function refusals(): ClientRefusals {
  const registrations = { knows: () => true, forget: async () => true } as const
  const issuers = { issuerOf: (endpoint: string) => new URL(endpoint).origin } as const
  return new ClientRefusals(
    registrations as Partial<RegistrationRecords> as RegistrationRecords,
    issuers as Partial<Issuers> as Issuers,
    1_000,
  )
}

const refuse = (clients: ClientRefusals, issuer: string, clientId: string) =>
  clients.noteClientRefusal(
    Response.json({ error: 'invalid_client' }, { status: 401 }),
    { kind: 'code', endpoint: `${issuer}/token`, client: { clientId, clientSecret: 's' } },
    true,
  )

test('an issuer that refuses thousands of clients has no refusal of another forgotten', async () => {
  const clients = refusals()
  await refuse(clients, HONEST, 'client')
  for (let index = 0; index < 1_100; index += 1) await refuse(clients, EVIL, `client-${index}`)
  expect(clients.isRefused(HONEST, 'client')).toBe(true)
  expect(clients.isRefused(EVIL, 'client-1099')).toBe(true)
})

test('a refusal is of one client of one issuer', async () => {
  const clients = refusals()
  await refuse(clients, HONEST, 'one')
  await refuse(clients, HONEST, 'other')
  expect(clients.isRefused(HONEST, 'one')).toBe(true)
  expect(clients.isRefused(HONEST, 'other')).toBe(true)
  expect(clients.isRefused(HONEST, 'third')).toBe(false)
  expect(clients.isRefused(EVIL, 'one')).toBe(false)
})
