import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type DurabilityOptions, RedisOAuthDatabase } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { endure, type Fault, named } from '../support/faults/fault.js'
import { type FaultProxy, startFaultProxy } from '../support/network/fault-proxy.js'
import {
  type ClusterServers,
  type SlotMigration,
  startCluster,
} from '../support/servers/cluster.js'
import { ClusterView } from '../support/servers/cluster-view.js'
import type { RedisServer } from '../support/servers/redis-server.js'

const PASSWORD = 'data-password'
const KEY = 'atxp:oauth:token-0-0'
const MOVED_SLOTS = 12
const FAILOVER_WITHIN_MS = 20_000
const LOST_CODES = [
  'CLUSTER_DOWN',
  'CONNECTION_LOST',
  'CONNECTION_REFUSED',
  'OUTCOME_UNKNOWN',
  'TIMEOUT',
]

let cluster: ClusterServers
let proxies: Map<RedisServer, FaultProxy>
/** The master of some keys of the load, and its proxy. */
let master: RedisServer
let proxy: FaultProxy

/**
 * Begins to move slots of the load's keys to another master, and moves one key of each. The slots of tokens stay on their way. Those of
 * users arrive at once: while their keys are apart, Redis refuses commands with two of them, for however long that is.
 */
async function openMigrations(): Promise<SlotMigration[]> {
  const to = (await cluster.masters()).find((each) => each !== master)
  if (to === undefined) throw new Error('a Cluster has several masters')
  const keys = await master.cli<string[]>('KEYS', '*')
  const slots = new Map<number, string>()
  for (const key of keys) slots.set(await master.cli<number>('CLUSTER', 'KEYSLOT', key), key)
  const migrations: SlotMigration[] = []
  for (const [slot, key] of [...slots].slice(0, MOVED_SLOTS)) {
    const migration = await cluster.openMigration(slot, to)
    await migration.move(1)
    if (key.includes('{')) await migration.finish()
    else migrations.push(migration)
  }
  return migrations
}

const FAULTS: (Omit<Fault, 'load'> & { durability?: DurabilityOptions })[] = [
  {
    name: 'Cluster: slots moved to another master',
    async strike(load) {
      const migrations = await openMigrations()
      // While they are open, keys are sent to and fro.
      await load.called(300)
      for (const migration of migrations) await migration.finish()
    },
    codes: [],
  },
  {
    name: 'Cluster: connections to one master cut and refused',
    async strike() {
      proxy.refuse()
      proxy.cut()
    },
    mend: () => proxy.accept(),
    codes: LOST_CODES,
  },
  {
    name: 'Cluster: one master gone without a word (half-open)',
    strike: async () => proxy.halfOpen(),
    mend: async () => proxy.resume(),
    codes: LOST_CODES,
    lastsMs: 4_000,
  },
  {
    name: 'Cluster: one master hung (SIGSTOP), going on later as a replica',
    async strike() {
      const other = cluster.nodes.find((node) => node !== master) as RedisServer
      master.pause()
      await eventually(
        async () => !(await ClusterView.of(other)).ranges.some(({ port }) => port === master.port),
        { withinMs: FAILOVER_WITHIN_MS },
      )
    },
    afterwards: async () => {
      master.resume()
      await cluster.settled()
    },
    codes: LOST_CODES,
    loses: 'what was not replicated',
  },
  {
    name: 'Cluster: one master killed',
    strike: async () => {
      await master.kill()
      await cluster.settled()
    },
    codes: LOST_CODES,
    loses: 'what was not replicated',
  },
  {
    name: 'Cluster: one master killed, writes confirmed by its replica',
    durability: { replicas: 1, timeoutMs: 1_000 },
    strike: async () => {
      await master.kill()
      await cluster.settled()
    },
    mend: async () => {
      await master.restart({ keepData: true })
      await cluster.settled()
    },
    codes: [...LOST_CODES, 'NOT_DURABLE'],
    loses: 'what was not confirmed',
  },
]

describe('a Cluster under load', () => {
  beforeAll(async () => {
    cluster = await startCluster({ requirepass: PASSWORD })
    const started = cluster.nodes.map(async (node) => [node, await startFaultProxy(node)] as const)
    proxies = new Map(await Promise.all(started))
  })

  afterAll(async () => {
    await Promise.all([...(proxies?.values() ?? [])].map((each) => each.stop()))
    await cluster?.stop()
  })

  beforeEach(async () => {
    for (const node of cluster.nodes) if (!node.running) await node.restart({ keepData: true })
    await cluster.settled()
    const masters = await cluster.masters()
    await Promise.all(masters.map((each) => each.cli('FLUSHALL')))
    // A replica that has not heard of it yet would bring the last test's values back when it takes over.
    await eventually(async () => {
      const sizes = await Promise.all(cluster.nodes.map((node) => node.cli<number>('DBSIZE')))
      return sizes.every((size) => size === 0)
    })
    // Slots move, and some master may have none of the keys.
    master = await cluster.nodeOfSlot(await cluster.cli<number>('CLUSTER', 'KEYSLOT', KEY))
    proxy = proxies.get(master) as FaultProxy
  })

  it('a durable write to a slot on its way counts once a replica of who took it has it', async () => {
    const to = (await cluster.masters()).find((each) => each !== master) as RedisServer
    const [replica] = await cluster.replicasOf(to)
    const db = openDurable()
    await db.storeToken('token-0-0', 'one')
    const slot = await cluster.cli<number>('CLUSTER', 'KEYSLOT', KEY)
    const migration = await cluster.openMigration(slot, to)
    await migration.move()
    await db.storeToken('token-0-0', 'two')
    expect(await replica?.cli('DBSIZE')).toBeGreaterThan(0)
    replica?.pause()
    const writing = db.storeToken('token-0-0', 'three')
    await expect(writing).rejects.toMatchObject({ code: 'NOT_DURABLE' })
    replica?.resume()
    await migration.finish()
    await db.storeToken('token-0-0', 'four')
    await db.close()
  })

  it('a durable write counts though the slot of the marker, which is waited for, has moved away', async () => {
    const db = openDurable()
    await db.storeToken('token-0-0', 'one')
    const slot = await firstTaggedSlotOf(master)
    const [to] = (await cluster.masters()).filter((each) => each !== master)
    const migration = await cluster.openMigration(slot, to as RedisServer)
    await migration.move()
    await migration.finish()
    await eventually(() =>
      db.storeToken('token-0-0', 'two').then(
        () => true,
        ({ code }) => {
          expect(code).toBe('NOT_DURABLE')
          return false
        },
      ),
    )
    await db.close()
  })

  function openDurable(): RedisOAuthDatabase {
    return new RedisOAuthDatabase({
      cluster: { nodes: cluster.nodes.map(({ host, port }) => ({ host, port })) },
      password: PASSWORD,
      durability: { replicas: 1, timeoutMs: 500 },
    })
  }

  /** Of the keys `{0}`, `{1}`, …: the slot of the first that this master serves. */
  async function firstTaggedSlotOf(node: RedisServer): Promise<number> {
    for (let tag = 0; ; tag += 1) {
      const slot = await cluster.cli<number>('CLUSTER', 'KEYSLOT', `{${tag}}`)
      if ((await cluster.nodeOfSlot(slot)) === node) return slot
    }
  }

  it.each(named(FAULTS))('%s', async (_, { durability, ...fault }) => {
    const natMap = Object.fromEntries(
      [...proxies].map(([node, { host, port }]) => [`${node.host}:${node.port}`, { host, port }]),
    )
    const nodes = [...proxies.values()].map(({ host, port }) => ({ host, port }))
    const database = { cluster: { nodes, natMap }, password: PASSWORD, durability }
    await endure({ ...fault, load: { database } })
  })
})
