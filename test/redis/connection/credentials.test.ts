import { describe, expect, it } from 'vitest'
import type { CredentialsProvider } from '../../../src/index.js'
import { openDatabase, startServer } from '../../support/scene.js'

describe('what credentials give', () => {
  it.each<[string, unknown]>([
    ['a misspelt name', { user: 'alice', password: 'hunter2' }],
    ['a user that is no text', { username: 5, password: 'hunter2' }],
    ['a password that is no text', { password: ['hunter2'] }],
    ['text', 'hunter2'],
    ['nothing', undefined],
  ])(
    'fails calls with CREDENTIALS_UNAVAILABLE, and is not shown, where it is %s',
    async (_, given) => {
      const { host, port } = await startServer({ requirepass: 'hunter2' })
      const credentials = (() => given) as CredentialsProvider
      const error = await openDatabase({ host, port, credentials }).ping().then(String, Object)
      expect(error).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
      expect(error.message).toContain(
        'it must give { username?, password }, both text, and nothing else',
      )
      expect(error.message).not.toContain('hunter2')
    },
  )

  it('logs in where it is a user and a password, or a password alone', async () => {
    const users = [{ name: 'alice', password: 'hunter2', rule: '~* &* +@all' }]
    const { host, port } = await startServer({ users, requirepass: 'another' })
    const given = [{ username: 'alice', password: 'hunter2' }, { password: 'another' }]
    for (const credentials of given) {
      await openDatabase({ host, port, credentials: () => credentials }).ping()
    }
  })
})
