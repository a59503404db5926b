import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type CommandOwner, TrackedCommand } from '../../../src/redis/driver/command.js'
import { failureOf } from '../../../src/redis/driver/failure.js'
import { onCopy } from '../../../src/redis/driver/internals/clients.js'
import { checkSlots, sendToCluster } from '../../../src/redis/driver/internals/cluster.js'
import { guard } from '../../../src/redis/driver/internals/guard.js'
import { NamingSentinelConnector } from '../../../src/redis/driver/internals/sentinel.js'
import { integer, text } from '../../../src/redis/protocol/replies.js'
import { eventually } from '../../support/eventually.js'
import { startLyingServer } from '../../support/network/lying-server.js'
import { openDatabase } from '../../support/scene.js'

function guarded(options: RedisOptions): Redis {
  const client = new Redis({
    lazyConnect: true,
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: () => 5,
    ...options,
  })
  client.on('error', () => {})
  guard(client)
  onTestFinished(() => client.disconnect())
  return client
}

const owner: CommandOwner = {
  keeps: () => false,
  settled: () => {},
  failureOf: (error, command) => failureOf(error, 'localhost:6379', command),
}

describe('a connection is dropped and made again, and nothing is thrown,', () => {
  const LIES: readonly (readonly [what: string, command: string, reply: string])[] = [
    ['where a nil comes too many', 'get', '$-1\r\n$-1\r\n'],
    ['where a string comes too many', 'get', '$-1\r\n$1\r\na\r\n'],
    ['where SUBSCRIBE is answered by a number', 'subscribe', ':1\r\n'],
    ['where SUBSCRIBE is answered by nil', 'subscribe', '$-1\r\n'],
    ['where SUBSCRIBE names no channel', 'subscribe', '*3\r\n$9\r\nsubscribe\r\n$-1\r\n:1\r\n'],
    ['where a list is empty to who subscribes', 'subscribe', '*0\r\n'],
    ['where a list is said to have 2^32 elements', 'get', '*4294967296\r\n'],
    ['where lists are nested without end', 'get', '*1\r\n'.repeat(100_000)],
    ['where lists would take all memory', 'get', '*33554432\r\n'.repeat(100)],
    ['where a string is said to have 4 GB', 'get', '$4294967296\r\n'],
    ['where a line has no end', 'get', `+${'x'.repeat(100_000)}`],
    ['where a line ends as none does', 'get', '+OK\rX'],
    ['where the type is of another protocol', 'get', '_\r\n'],
  ]

  it.each(LIES)('%s', async (_what, name, lie) => {
    const server = await startLyingServer(([command], connection) => {
      if (connection === 1 && command === name) return lie
      if (command !== 'subscribe') return '$4\r\ntrue\r\n'
      return '*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n'
    })
    const client = guarded({ port: server.port, autoResubscribe: false })
    await client.connect()
    const call = name === 'get' ? client.get('a') : client.subscribe('a')
    call.catch(() => {})
    await eventually(() => server.accepted === 2)
    await eventually(() => client.status === 'ready')
    if (name === 'get') expect(await client.get('a')).toBe('true')
    else expect(await client.subscribe('a')).toBe(1)
  })

  it('where a publication is none', async () => {
    const server = await startLyingServer(() => '*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n')
    const client = guarded({ port: server.port, autoResubscribe: false })
    await client.subscribe('a')
    server.send('*1\r\n$-1\r\n')
    await eventually(() => server.accepted === 2)
  })

  it('where a Sentinel says so', async () => {
    const sentinel = await startLyingServer(() => '$-1\r\n$-1\r\n$-1\r\n')
    const client = guarded({
      sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
      name: 'mymaster',
      sentinelRetryStrategy: () => null,
      retryStrategy: () => null,
    })
    await expect(client.connect()).rejects.toThrow(/unreachable/)
  })
})

it('a Sentinel that names others without end is believed a hundred', async () => {
  const named = Array.from({ length: 300 }, (_, index) => {
    const port = String(index + 1)
    return `*4\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n$${port.length}\r\n${port}\r\n`
  })
  const sentinel = await startLyingServer(([, subcommand]) =>
    subcommand === 'sentinels' ? `*${named.length}\r\n${named.join('')}` : '*-1\r\n',
  )
  const client = guarded({
    Connector: NamingSentinelConnector,
    sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
    name: 'mymaster',
    sentinelRetryStrategy: () => null,
    retryStrategy: () => null,
  })
  await expect(client.connect()).rejects.toThrow(/unreachable/)
  const { connector } = client as unknown as {
    connector: { sentinelIterator: { sentinels: object[] } }
  }
  expect(connector.sentinelIterator.sentinels.length).toBe(101)
})

it('ioredis waits with an object of ours for the answer to a command, and its own lets go of it', async () => {
  const server = await startLyingServer(([name]) => (name === 'get' ? '' : '+OK\r\n'))
  type Item = Record<string, unknown>
  type Parts = { commandQueue: { push(item: Item): number; peekBack(): Item } }
  const plain = new Redis({ port: server.port, enableReadyCheck: false, disableClientInfo: true })
  onTestFinished(() => plain.disconnect())
  await plain.set('a', 'b')
  plain.get('a').catch(() => {})
  const members = Object.keys((plain as unknown as Parts).commandQueue.peekBack())
  const client = guarded({ port: server.port })
  await client.connect()
  for (const _connection of [1, 2]) {
    const { commandQueue } = client as unknown as Parts
    const { push } = commandQueue
    const pushed: Item[] = []
    commandQueue.push = (item) => {
      pushed.push(item)
      return push.call(commandQueue, item)
    }
    const command = new TrackedCommand(owner, 'read', 'get', ['a'], text)
    client.sendCommand(command)
    command.promise.catch(() => {})
    expect(pushed).toHaveLength(1)
    expect(pushed[0]).toMatchObject({ command: undefined })
    const kept = commandQueue.peekBack()
    expect(kept).not.toBe(pushed[0])
    expect(kept.command).toBe(command)
    expect(Object.keys(kept)).toEqual(members)
    client.stream.destroy()
    await eventually(() => client.status === 'ready' && client.stream.writable)
  }
})

it('replies that come in any pieces are read', async () => {
  const value = `${'*1\r\n$5\r\n'.repeat(3)}é`
  const frame = `$${Buffer.byteLength(value)}\r\n${value}\r\n`
  const all = Buffer.from(`*5\r\n${frame}*2\r\n:-1\r\n$-1\r\n+OK\r\n*0\r\n$0\r\n\r\n`)
  const server = await startLyingServer(() => '')
  const client = guarded({ port: server.port })
  await client.connect()
  for (let size = 1; size < all.length; size += 3) {
    const reading = client.call('any')
    for (let at = 0; at < all.length; at += size) {
      server.send(all.subarray(at, at + size))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await reading).toEqual([value, [-1, null], 'OK', [], ''])
  }
  expect(server.accepted).toBe(1)
})

describe('a Cluster', () => {
  const node = (port: number): string => `*2\r\n$9\r\n127.0.0.1\r\n:${port}\r\n`
  const range = (first: number, last: number, nodes: string): string =>
    `*3\r\n:${first}\r\n:${last}\r\n${nodes}`

  function guardedCluster(port: number): Cluster {
    const cluster = new Cluster([{ host: '127.0.0.1', port }], {
      lazyConnect: true,
      enableReadyCheck: false,
      clusterRetryStrategy: () => null,
      redisOptions: { disableClientInfo: true },
    })
    cluster.on('error', () => {})
    cluster.on('+node', (client: Redis) => {
      guard(client)
      onCopy(client, (copy) => {
        checkSlots(copy)
        guard(copy)
      })
    })
    onTestFinished(() => cluster.disconnect())
    return cluster
  }

  it.each([
    ['nil', '$-1\r\n'],
    ['a number', ':5\r\n'],
    ['no ranges', '*1\r\n$-1\r\n'],
    ['slots without an end', `*1\r\n${range(0, 2 ** 50, node(1))}`],
    ['a slot twice', `*2\r\n${range(0, 16_383, node(1))}${range(0, 0, node(1))}`],
    ['nodes that are none', `*1\r\n${range(0, 16_383, '$-1\r\n')}`],
    ['a port that is none', `*1\r\n${range(0, 16_383, node(99_999))}`],
  ])('whose slots are %s is not connected to', async (_what, slots) => {
    const { port } = await startLyingServer(([name]) => (name === 'cluster' ? slots : '+OK\r\n'))
    await expect(guardedCluster(port).connect()).rejects.toThrow()
  })

  it.each([
    'MOVED __proto__ 127.0.0.1:1',
    'MOVED 99999 127.0.0.1:1',
    'MOVED',
    'ASK 1',
    'MOVED 1 x',
  ])('follows no redirection that is none: %s', async (redirection) => {
    let port = 0
    const server = await startLyingServer(([name]) =>
      name === 'cluster' ? `*1\r\n${range(0, 16_383, node(port))}` : `-${redirection}\r\n`,
    )
    port = server.port
    const cluster = guardedCluster(port)
    await cluster.connect()
    const command = new TrackedCommand(owner, 'read', 'exists', ['a'], integer)
    sendToCluster(cluster, command, () => false)
    await expect(command.promise).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
    expect([][0]).toBeUndefined()
    expect(cluster.nodes()).toHaveLength(1)
  })

  it.each([
    'MOVED 8000 127.0.0.1:',
    'ASK 8000 127.0.0.1:',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'CLUSTERDOWN Hash slot not served',
  ])('is asked until it answers: %s', async (refusal) => {
    let port = 0
    const refusals: string[] = []
    const server = await startLyingServer(([name]) => {
      if (name === 'cluster') return `*1\r\n${range(0, 16_383, node(port))}`
      if (name !== 'exists') return '+OK\r\n'
      return refusals.length < 3 ? `-${refusal.replace(/:$/, `:${port}`)}\r\n` : ':1\r\n'
    })
    port = server.port
    const cluster = guardedCluster(port)
    await cluster.connect()
    const command = new TrackedCommand(owner, 'read', 'exists', ['a'], integer)
    sendToCluster(cluster, command, (error) => {
      refusals.push((error as Error).message)
      return false
    })
    expect(await command.promise).toBe(1)
    expect(refusals).toHaveLength(3)
  })
})

it('a write that Redis refused is sent again where the client of the caller says so', async () => {
  const replies = ["-READONLY You can't write against a read only replica.\r\n", '+OK\r\n']
  const { port } = await startLyingServer(([name]) =>
    name === 'set' ? (replies.shift() ?? '+OK\r\n') : '+PONG\r\n',
  )
  const client = new Redis({
    port,
    enableReadyCheck: false,
    disableClientInfo: true,
    reconnectOnError: () => 2,
  })
  onTestFinished(() => client.disconnect())
  const db = openDatabase({ client })
  await db.storeToken('a', 'one')
  expect(replies).toEqual([])
})

it('a tracer that replaces how a command fails sees an error that quotes nothing', async () => {
  const { port } = await startLyingServer(() => "-ERR unknown command 'get' with 'secret'\r\n")
  const client = guarded({ port })
  await client.connect()
  const command = new TrackedCommand(owner, 'read', 'get', ['a'], text)
  const { reject } = command
  const seen: Error[] = []
  command.reject = (error) => {
    seen.push(error)
    reject(error)
  }
  client.sendCommand(command)
  await expect(command.promise).rejects.toMatchObject({ code: 'UNSUPPORTED_BY_SERVER' })
  expect(seen.map(({ message }) => message)).toEqual(['ERR unknown command'])
})
