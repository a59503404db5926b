import { expect, test } from 'vitest'
import { KeySpace } from '../../../src/record/keys.js'
import type { Commands } from '../../../src/redis/commands.js'
import { RegistrationStore } from '../../../src/store/registration-store.js'
import type { ConditionalWrites } from '../../../src/store/vault/conditional-writes.js'
import type { Vault } from '../../../src/store/vault/vault.js'

const HONEST = 'https://honest.example'
const EVIL = 'https://evil.example'
const CLIENT = { clientId: 'client', clientSecret: 'secret', redirectUri: '' }

function store(): RegistrationStore {
  const none = undefined as unknown
  return new RegistrationStore(
    new KeySpace('test:'),
    none as Commands,
    none as Vault,
    none as ConditionalWrites,
  )
}

test('a server that calls a megabyte its client secret has no other registration forgotten', () => {
  const registrations = store()
  registrations.remember(HONEST, 'client', CLIENT)
  for (let tenant = 0; tenant < 20; tenant += 1) {
    const clientSecret = 'x'.repeat(900_000)
    registrations.remember(`${EVIL}/${tenant}`, 'client', { ...CLIENT, clientSecret })
  }
  expect(registrations.knows(HONEST, CLIENT)).toBe(true)
})

test('a registration that is too much to remember takes the place of the one before', () => {
  const registrations = store()
  registrations.remember(EVIL, 'client', CLIENT)
  const clientSecret = 'x'.repeat(900_000)
  registrations.remember(EVIL, 'client', { ...CLIENT, clientSecret })
  expect(registrations.knows(EVIL, CLIENT)).toBe(false)
  expect(registrations.knows(EVIL, { ...CLIENT, clientSecret })).toBe(false)
})
