import { Redis, type RedisOptions } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { ServerConnector } from '../../../../src/redis/driver/internals/connector.js'

describe.each([
  ['ioredis’ own connector', {}],
  ['ours', { Connector: ServerConnector }],
] satisfies [string, RedisOptions][])('%s', (_, options) => {
  const open = (port: number): Redis => {
    const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null, ...options })
    client.on('error', () => {})
    return client
  }

  it('opens no socket when it is told to end in the turn in which it connects', async () => {
    const client = open(1)
    const connecting = client.connect()
    client.disconnect()
    await expect(connecting).rejects.toThrow('Connection is closed.')
    expect(client.stream).toBeUndefined()
    expect(client.status).toBe('end')
  })

  it('rejects with what Node says of options that it refuses', async () => {
    const client = open(99_999)
    await expect(client.connect()).rejects.toMatchObject({ code: 'ERR_SOCKET_BAD_PORT' })
    expect(client.status).toBe('end')
  })
})
