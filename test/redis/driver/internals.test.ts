import diagnostics from 'node:diagnostics_channel'
import { createServer, type Socket } from 'node:net'
import { Cluster, Command, Redis, type RedisOptions } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type CommandOwner, TrackedCommand } from '../../../src/redis/driver/command.js'
import { corkAll } from '../../../src/redis/driver/cork.js'
import { failureOf } from '../../../src/redis/driver/failure.js'
import {
  beforeConnecting,
  onCopy,
  onInvalidation,
  reconnectInBackground,
  setCredentials,
  setOptions,
} from '../../../src/redis/driver/internals/clients.js'
import {
  lastNodeErrorOf,
  masterAddressOf,
  refreshSlots,
  reportNodeError,
  sendToCluster,
} from '../../../src/redis/driver/internals/cluster.js'
import { DriverCommand } from '../../../src/redis/driver/internals/command.js'
import { guard } from '../../../src/redis/driver/internals/guard.js'
import { disconnect, socketOf } from '../../../src/redis/driver/internals/socket.js'
import { lastSentinelErrorOf, TIMED_OUT } from '../../../src/redis/driver/internals/texts.js'
import { integer, text } from '../../../src/redis/protocol/replies.js'
import { SLOT_COUNT, slotOf } from '../../../src/redis/protocol/slot.js'
import { eventually } from '../../support/eventually.js'
import { startProxy, startServer } from '../../support/scene.js'
import { type ClusterServers, startCluster } from '../../support/servers/cluster.js'
import { freePort } from '../../support/servers/free-port.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

let server: RedisServer
let servers: ClusterServers

beforeAll(async () => {
  ;[server, servers] = await Promise.all([startRedis(), startCluster()])
})

afterAll(async () => {
  await Promise.all([server?.stop(), servers?.stop()])
})

function createClient(options: RedisOptions = {}): Redis {
  const client = new Redis({
    host: server.host,
    port: server.port,
    lazyConnect: true,
    retryStrategy: () => 10,
    ...options,
  })
  client.on('error', () => {})
  onTestFinished(() => client.disconnect())
  return client
}

async function createCluster(): Promise<Cluster> {
  const cluster = new Cluster(servers.nodes.map(({ host, port }) => ({ host, port })))
  cluster.on('error', () => {})
  onTestFinished(() => cluster.disconnect())
  await cluster.ping()
  return cluster
}

/** A port that takes connections and never says a word. */
async function silentPort(): Promise<number> {
  const sockets: Socket[] = []
  const listener = createServer((socket) => sockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return (listener.address() as { port: number }).port
}

const failureFrom = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: Error) => error,
  )

const owner: CommandOwner = {
  keeps: () => false,
  settled: () => {},
  failureOf: (error, command) => failureOf(error, 'localhost:6379', command),
}

describe('a command', () => {
  it('is asked for its bytes when it is sent, with the socket that it is sent over', async () => {
    const client = createClient()
    await client.connect()
    const command = new TrackedCommand(owner, 'write', 'set', ['a', 1], text)
    client.sendCommand(command)
    expect(command.sentOver).toBe(client.stream)
    expect(await command.promise).toBe('OK')
    client.stream.destroy()
    const resent = new TrackedCommand(owner, 'read', 'get', ['a'], text)
    client.sendCommand(resent)
    expect(await resent.promise).toBe('1')
    expect(resent.sentOver).toBe(client.stream)
    expect(resent.sentOver).not.toBe(command.sentOver)
  })

  it('gets its promise from us, where ioredis asks for one', () => {
    const prototype = Command.prototype as unknown as { initPromise(): void }
    const ofIoredis = vi.spyOn(prototype, 'initPromise')
    onTestFinished(() => ofIoredis.mockRestore())
    expect(new DriverCommand('get', ['a']).promise).toBeInstanceOf(Promise)
    expect(ofIoredis).not.toHaveBeenCalled()
    expect(new Command('get').promise).toBeInstanceOf(Promise)
    expect(ofIoredis).toHaveBeenCalledOnce()
  })

  it('shows nothing in ioredis’ tracing channels', async () => {
    const seen: string[] = []
    const listener = (message: unknown): void => {
      seen.push((message as { command: string }).command)
    }
    diagnostics.subscribe('tracing:ioredis:command:start', listener)
    onTestFinished(() => {
      diagnostics.unsubscribe('tracing:ioredis:command:start', listener)
    })
    const client = createClient()
    await client.connect()
    const isTracing = 'isTraced' in new Command('get')
    await client.get('a')
    // Others do show, in versions that trace.
    expect(seen.includes('get')).toBe(isTracing)
    const command = new DriverCommand('strlen', ['a'])
    client.sendCommand(command)
    await command.promise
    const ours = new TrackedCommand(owner, 'read', 'exists', ['a'], integer)
    client.sendCommand(ours)
    await ours.promise
    expect(seen).not.toContain('strlen')
    expect(seen).not.toContain('exists')
  })
})

describe('before a connection', () => {
  it('what is to be prepared is prepared, each time, and commands wait for it', async () => {
    const client = createClient({ db: 3 })
    let prepared = 0
    beforeConnecting(client, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      prepared += 1
    })
    expect(await client.set('a', 'one')).toBe('OK')
    expect(prepared).toBe(1)
    client.stream.destroy()
    await eventually(() => prepared === 2)
    expect(await client.get('a')).toBe('one')
    expect(await client.client('INFO')).toContain(' db=3 ')
    expect(prepared).toBe(2)
  })

  it('that was told to end none is made', async () => {
    const client = createClient()
    let connections = 0
    client.on('connect', () => {
      connections += 1
    })
    beforeConnecting(client, async () => client.disconnect())
    await failureFrom(client.connect())
    expect(connections).toBe(0)
  })

  it('credentials and address that were set are used', async () => {
    const other = await startServer({
      users: [{ name: 'bob', password: 'secret', rule: '~* +@all' }],
      requirepass: 'of default',
    })
    const client = createClient({ username: 'nobody', password: 'none' })
    setOptions(client, { host: other.host, port: other.port })
    setCredentials(client, 'bob', 'secret')
    expect(await client.call('ACL', 'WHOAMI')).toBe('bob')
    setCredentials(client, undefined, 'of default')
    socketOf(client)?.destroy()
    await eventually(async () => (await client.call('ACL', 'WHOAMI')) === 'default')
  })
})

it('the socket of a connection is known, and that it was replaced', async () => {
  const client = createClient()
  expect(socketOf(client)).toBeUndefined()
  await client.connect()
  const first = socketOf(client) as Socket
  expect(first.remotePort).toBe(server.port)
  expect(first.writable).toBe(true)
  first.destroy()
  await eventually(() => client.status === 'ready' && socketOf(client) !== first)
  expect(socketOf(client)?.writable).toBe(true)
  await disconnect(client)
  expect(socketOf(client)?.destroyed).toBe(true)
})

it('commands that leave together go to the socket as one text', async () => {
  const client = createClient()
  guard(client)
  await client.connect()
  const socket = socketOf(client) as Socket
  const [alone, together] = [vi.spyOn(socket, '_write'), vi.spyOn(socket, '_writev' as never)]
  const release = corkAll([socket])
  const commands = ['x', 'y', 'z'].map((key) => new DriverCommand('get', [key]))
  for (const command of commands) client.sendCommand(command)
  release()
  expect(await Promise.all(commands.map(({ promise }) => promise))).toEqual([null, null, null])
  expect(alone).toHaveBeenCalledTimes(1)
  expect(together).not.toHaveBeenCalled()
})

describe('a limit that is set later holds', () => {
  const silent = async () => [{ host: '127.0.0.1', port: await silentPort() }]
  const none = () => null

  it('for the answer of a node', async () => {
    const proxy = await startProxy(server)
    const client = createClient({ port: proxy.port })
    await client.connect()
    proxy.stall()
    setOptions(client, { socketTimeout: 50 })
    const closed = new Promise((resolve) => client.once('close', () => resolve('closed')))
    client.get('a').catch(() => {})
    expect(await closed).toBe('closed')
  })

  it('for the answer of a Sentinel', async () => {
    const client = createClient({
      sentinels: await silent(),
      name: 'mymaster',
      sentinelRetryStrategy: none,
    })
    setOptions(client, { sentinelCommandTimeout: 50 })
    expect((await failureFrom(client.connect())).message).toMatch(TIMED_OUT)
  })

  it('for the slots of a Cluster', async () => {
    const cluster = new Cluster(await silent(), {
      lazyConnect: true,
      clusterRetryStrategy: none,
      slotsRefreshTimeout: 60_000,
    })
    cluster.on('error', () => {})
    onTestFinished(() => cluster.disconnect())
    setOptions(cluster, { slotsRefreshTimeout: 50 })
    const reported = new Promise<Error>((resolve) => cluster.once('node error', resolve))
    cluster.connect().catch(() => {})
    expect((await reported).message).toMatch(TIMED_OUT)
  })
})

it('the wait for the next attempt does not keep the process alive', async () => {
  const pauses = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => pauses.mockRestore())
  const client = createClient({ port: await freePort(), retryStrategy: () => 54_321 })
  reconnectInBackground(client)
  client.connect().catch(() => {})
  const timers = (): NodeJS.Timeout[] =>
    pauses.mock.results
      .filter((_, index) => pauses.mock.calls[index]?.[1] === 54_321)
      .map(({ value }) => value as NodeJS.Timeout)
  await eventually(() => client.status === 'reconnecting' && timers().length === 1)
  await new Promise((resolve) => setImmediate(resolve))
  expect(timers()[0]?.hasRef()).toBe(false)
})

it('changed keys are heard as a list of names, and a flush as null', async () => {
  const client = createClient()
  const changes: (readonly string[] | null)[] = []
  onInvalidation(client, (keys) => changes.push(keys?.map(String) ?? null))
  const id = await client.client('ID')
  await client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'BCAST', 'PREFIX', 'heard:')
  await client.subscribe('__redis__:invalidate')
  await server.cli('MSET', 'heard:a', '1', 'unheard', '2', 'heard:b', '3')
  await eventually(() => changes.length > 0)
  expect(changes.flat().sort()).toEqual(['heard:a', 'heard:b'])
  changes.length = 0
  await server.cli('FLUSHALL')
  await eventually(() => changes.includes(null))
})

describe('a Cluster', () => {
  it('has each key in the slot that is told of it', async () => {
    const keys = ['', 'a', '{a}b', 'a{b}c', 'é💡{é💡}', '{', '}', '}{', '{a', '{}', '{}a', 'a{}']
    keys.push('foo{}{bar}', '{}{bar}', 'a{{b}}', 'x'.repeat(1_000), '{user}:https://example.com/')
    const node = servers.nodes[0] as RedisServer
    const told = await Promise.all(keys.map((key) => node.cli('CLUSTER', 'KEYSLOT', key)))
    expect(keys.map(slotOf)).toEqual(told)
  })

  it('tells the master of every slot, and of one that moved once it was asked anew', async () => {
    const cluster = await createCluster()
    const addressOf = async (slot: number): Promise<string> => {
      const { host, port } = await servers.nodeOfSlot(slot)
      return `${host}:${port}`
    }
    for (const slot of [0, 5_461, 10_922, SLOT_COUNT - 1]) {
      expect(masterAddressOf(cluster, slot)).toBe(await addressOf(slot))
    }
    const from = await servers.nodeOfSlot(0)
    const to = (await servers.masters()).find((node) => node !== from) as RedisServer
    await servers.migrateSlot(0, to)
    await refreshSlots(cluster)
    expect(masterAddressOf(cluster, 0)).toBe(await addressOf(0))
    expect(masterAddressOf(cluster, 0)).toBe(`${to.host}:${to.port}`)
  })

  it('is asked for its slots over a copy of a node', async () => {
    const cluster = await createCluster()
    const copies: Redis[] = []
    for (const node of cluster.nodes()) onCopy(node, (copy) => copies.push(copy))
    const prepared = vi.fn(async () => {})
    for (const node of cluster.nodes()) onCopy(node, (copy) => beforeConnecting(copy, prepared))
    await refreshSlots(cluster)
    expect(copies).toHaveLength(1)
    expect(prepared).toHaveBeenCalledOnce()
  })

  it('tells a command of each redirection, and gives it the reply', async () => {
    const key = '{elsewhere}'
    const slot = slotOf(key)
    const cluster = await createCluster()
    const from = await servers.nodeOfSlot(slot)
    const to = (await servers.masters()).find((node) => node !== from) as RedisServer
    await servers.migrateSlot(slot, to)
    const command = new TrackedCommand(owner, 'write', 'set', [key, 'one'], text)
    const refusals: unknown[] = []
    sendToCluster(cluster, command, (error) => {
      refusals.push((error as Error).message.split(' ')[0])
      command.refused(error)
      return false
    })
    expect(await command.promise).toBe('OK')
    expect(refusals).toEqual(['MOVED'])
    expect(command.writes).toBe(1)
  })

  it('reports why the copy of a node could not connect, which ioredis keeps to itself', async () => {
    const nodes = [{ host: '127.0.0.1', port: await freePort() }]
    const cluster = new Cluster(nodes, { clusterRetryStrategy: () => null })
    cluster.on('error', () => {})
    const errors: unknown[] = []
    cluster.on('node error', (error) => errors.push(error))
    cluster.on('+node', (node: Redis) => {
      onCopy(node, (copy) => {
        copy.on('error', (error) => reportNodeError(cluster, error))
      })
    })
    await eventually(() => cluster.status === 'end')
    expect(errors).toContainEqual(expect.objectContaining({ code: 'ECONNREFUSED' }))
    expect(errors).toContainEqual(new Error('Connection is closed.'))
  })

  it('of which no node can be asked fails with why the last one failed', async () => {
    const cluster = new Cluster([{ host: '127.0.0.1', port: await silentPort() }], {
      clusterRetryStrategy: () => null,
      slotsRefreshTimeout: 50,
    })
    const errors: unknown[] = []
    cluster.on('error', (error) => errors.push(lastNodeErrorOf(error)))
    await eventually(() => cluster.status === 'end')
    expect((errors[0] as Error).message).toMatch(TIMED_OUT)
  })
})

describe('ioredis’ words', () => {
  it('for a command that got no answer in time are known', async () => {
    const client = createClient({ port: await silentPort(), commandTimeout: 50 })
    expect((await failureFrom(client.ping())).message).toMatch(TIMED_OUT)
  })

  it('for Sentinels that cannot be asked are known, and say why of the last', async () => {
    const sentinelError = async (port: number, options: RedisOptions = {}) => {
      const sentinels = [{ host: '127.0.0.1', port }]
      const sentinelRetryStrategy = () => null
      const client = createClient({
        sentinels,
        name: 'mymaster',
        sentinelRetryStrategy,
        ...options,
      })
      return lastSentinelErrorOf((await failureFrom(client.connect())).message)
    }
    expect(await sentinelError(await freePort())).toBe('Connection is closed.')
    const sentinelCommandTimeout = 50
    expect(await sentinelError(await silentPort(), { sentinelCommandTimeout })).toMatch(TIMED_OUT)
    expect(lastSentinelErrorOf('Connection is closed.')).toBeUndefined()
  })
})
