import { expect, it } from 'vitest'
import type { Fleet } from '../../../src/referee/fleet.js'
import { SCENARIOS } from '../../../src/referee/scenarios.js'
import { secretsIn } from '../../../src/referee/secrets.js'
import { HostileServer } from '../../../src/referee/servers/hostile-server.js'

it('a run that ends while the refresher is about to be killed rejects once, where its caller hears it', async () => {
  const unheard: unknown[] = []
  const note = (reason: unknown) => void unheard.push(reason)
  process.on('unhandledRejection', note)
  let killed: () => void = () => undefined
  const gone = new Promise<void>((resolve) => {
    killed = resolve
  })
  const fleet = {
    processes: [{ kill: killed }, {}],
    share: async () => undefined,
    ask: () => gone.then(() => []),
    call: () => Promise.reject(new Error('enough')),
    authorizationServer: {
      expireAccessTokens: () => undefined,
      holdTokenRequest: () => 1,
      reached: async () => undefined,
      release: () => undefined,
      counters: () => ({ abandonedTokenRequests: 1 }),
    },
    mcpServer: {
      gatherRefusals: () => undefined,
      refusalsGathered: () => new Promise((resolve) => setImmediate(resolve)),
    },
  }
  await expect(SCENARIOS['killed refresher'].run(fleet as unknown as Fleet)).rejects.toThrow(
    'enough',
  )
  process.off('unhandledRejection', note)
  expect(unheard).toEqual([])
})

it('a hostile server notices a secret that it is sent by Basic authentication, too', async () => {
  const hostile = await HostileServer.start('names the honest issuer', 'http://127.0.0.1:1')
  const credentials = Buffer.from('client-1:client-secret-1').toString('base64')
  await fetch(`${hostile.origin}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}` },
    body: 'grant_type=refresh_token',
  })
  await hostile.stop()
  expect(secretsIn(hostile.received)).toEqual(['client-secret-1'])
})
