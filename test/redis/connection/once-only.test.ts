import { createServer, type Socket } from 'node:net'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import type { CommandMatch, FaultProxy } from '../../support/network/fault-proxy.js'
import { openDatabase, startProxy } from '../../support/scene.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

// What others have written and was acknowledged is never undone by a command that is sent again.

const USER = 'alice'
const URL = 'https://mcp.example/'
const SLOTS = 16_384

interface Scene {
  /** Behind the proxy. */
  db: RedisOAuthDatabase
  /** Beside it. */
  peer: RedisOAuthDatabase
  proxy: FaultProxy
}

type Address = { host: string; port: number }

/** A way to have a connection, given the proxy before the server. */
const LINKS: {
  readonly [name: string]: {
    isCluster: boolean
    options(proxy: Address, server: Address): RedisOAuthDatabaseOptions
  }
} = {
  'one server': { isCluster: false, options: ({ host, port }) => ({ host, port }) },
  'a Cluster': {
    isCluster: true,
    options: ({ host, port }, server) => ({
      cluster: {
        nodes: [{ host, port }],
        natMap: { [`${server.host}:${server.port}`]: { host, port } },
      },
    }),
  },
  'a client of the caller': {
    isCluster: false,
    options: ({ host, port }) => {
      const client = new Redis({ host, port, retryStrategy: () => 10 })
      client.on('error', () => {})
      onTestFinished(() => client.disconnect())
      return { client }
    },
  },
  'a Cluster of the caller': {
    isCluster: true,
    options: ({ host, port }, server) => {
      const client = new Cluster([{ host, port }], {
        natMap: { [`${server.host}:${server.port}`]: { host, port } },
        clusterRetryStrategy: () => 10,
      })
      client.on('error', () => {})
      onTestFinished(() => client.disconnect())
      return { client }
    },
  },
}

let single: RedisServer
let clustered: RedisServer

beforeAll(async () => {
  const config = { 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' }
  ;[single, clustered] = await Promise.all([startRedis(), startRedis({ config })])
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot)
  await clustered.cli('CLUSTER', 'ADDSLOTS', ...slots)
  await eventually(async () =>
    (await clustered.cli<string>('CLUSTER', 'INFO')).includes('cluster_state:ok'),
  )
})

afterAll(async () => {
  await Promise.all([single?.stop(), clustered?.stop()])
})

async function startScene(name: string): Promise<Scene> {
  const { isCluster, options } = LINKS[name] as (typeof LINKS)[string]
  const server = isCluster ? clustered : single
  await server.cli('FLUSHALL')
  const proxy = await startProxy(server)
  const { host, port } = server
  const peer = openDatabase(isCluster ? { cluster: { nodes: [{ host, port }] } } : { host, port })
  const db = openDatabase({ ...options(proxy, server), commandTimeout: 5_000 })
  await Promise.all([db.ping(), peer.ping()])
  return { db, peer, proxy }
}

const pair = (name: string) => ({
  accessToken: `access-${name}`,
  refreshToken: `refresh-${name}`,
  resourceUrl: URL,
})

const saves = (command: string[]): boolean =>
  command.some((word) => word.includes(pair('1').accessToken))

const deletes = ([name, script]: string[]): boolean =>
  name === 'del' || (name === 'eval' && script?.includes("call('DEL'") === true)

/** Has a call lose its connection, behind the server's answer or before the server, and `between` happen before there is another. */
async function cutOff<T>(
  { proxy }: Scene,
  lose: 'reply' | 'request',
  command: CommandMatch,
  call: () => Promise<T>,
  between: () => Promise<unknown>,
): Promise<T | string> {
  const lost = lose === 'reply' ? proxy.dropReplies(command) : proxy.dropRequests(command)
  proxy.refuse()
  const outcome = call().catch((error: { code: string }) => error.code)
  await eventually(() => lost.commands.length === 1)
  await between()
  await proxy.accept()
  return outcome
}

describe.each(Object.keys(LINKS))('with %s', (name) => {
  it.each(['reply', 'request'] as const)(
    'a save whose %s was lost does not bring back a user who was deleted since',
    async (lost) => {
      const scene = await startScene(name)
      const { db, peer } = scene
      const save = () => db.saveAccessToken(USER, URL, pair('1'))
      expect(await cutOff(scene, lost, saves, save, () => peer.deleteUser(USER))).toBe(
        'OUTCOME_UNKNOWN',
      )
      expect(await db.getAccessToken(USER, URL)).toBeNull()
      expect(await peer.listAccessTokens(USER)).toEqual([])
    },
  )

  it.each(['reply', 'request'] as const)(
    'a save whose %s was lost does not come after a later one',
    async (lost) => {
      const scene = await startScene(name)
      const { db, peer } = scene
      await peer.saveAccessToken(USER, URL, pair('0'))
      const save = () => db.saveAccessToken(USER, URL, pair('1'))
      const later = () => peer.saveAccessToken(USER, URL, pair('2'))
      expect(await cutOff(scene, lost, saves, save, later)).toBe('OUTCOME_UNKNOWN')
      expect(await db.getAccessToken(USER, URL)).toEqual(pair('2'))
    },
  )

  it.each(['reply', 'request'] as const)(
    'a deletion whose %s was lost does not remove a new login',
    async (lost) => {
      const scene = await startScene(name)
      const { db, peer } = scene
      await peer.saveAccessToken(USER, URL, pair('1'))
      const remove = () => db.deleteAccessToken(USER, URL)
      const later = () => peer.saveAccessToken(USER, URL, pair('2'))
      expect(await cutOff(scene, lost, deletes, remove, later)).toBe('OUTCOME_UNKNOWN')
      expect(await db.getAccessToken(USER, URL)).toEqual(pair('2'))
    },
  )

  it('a login whose PKCE values were read gets those, and leaves what was saved since', async () => {
    const scene = await startScene(name)
    const { db, peer } = scene
    const values = (codeVerifier: string) => ({
      codeVerifier,
      codeChallenge: 'c',
      resourceUrl: URL,
      url: URL,
    })
    await peer.savePKCEValues(USER, 'state', values('first'))
    const read = () => db.getPKCEValues(USER, 'state')
    const later = () => peer.savePKCEValues(USER, 'state', values('second'))
    expect(await cutOff(scene, 'reply', 'eval', read, later)).toEqual(values('first'))
    expect(await peer.getPKCEValues(USER, 'state')).toEqual(values('second'))
  })

  it('a read whose reply was lost is sent again', async () => {
    const scene = await startScene(name)
    const { db, peer } = scene
    const later = () => peer.saveAccessToken(USER, URL, pair('1'))
    const read = () => db.getAccessToken(USER, URL)
    expect(await cutOff(scene, 'reply', 'get', read, later)).toEqual(pair('1'))
  })

  it('a save that never left is sent once there is a connection', async () => {
    const { db, proxy } = await startScene(name)
    const connections = proxy.accepted
    proxy.stall()
    proxy.cut()
    // Then it has heard of its loss.
    await eventually(() => proxy.accepted > connections)
    const save = db.saveAccessToken(USER, URL, pair('1'))
    proxy.resume()
    await save
    expect(await db.getAccessToken(USER, URL)).toEqual(pair('1'))
  })
})

it('a socket that hangs is reset, so that what it still holds never arrives', async () => {
  const sockets: Socket[] = []
  const ends: string[] = []
  const listener = createServer((socket) => {
    sockets.push(socket)
    let isAnswering = true
    socket.on('error', (error: NodeJS.ErrnoException) => ends.push(String(error.code)))
    socket.on('end', () => ends.push('end'))
    socket.on('data', (bytes) => {
      const isPing = bytes.includes('ping')
      if (isPing && isAnswering) socket.write('+PONG\r\n')
      else isAnswering = false
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  const { port } = listener.address() as { port: number }
  const db = openDatabase({ host: '127.0.0.1', port, commandTimeout: 100 })
  await db.ping()
  // A young connection is spared.
  await eventually(async () => {
    await expect(db.storeToken('a', 'one')).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    return sockets.length > 1
  })
  await eventually(() => ends.length > 0)
  expect(ends[0]).toBe('ECONNRESET')
})
