import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest'
import type { DurabilityOptions } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { endure, type Fault, named } from '../support/faults/fault.js'
import type { RedisServer } from '../support/servers/redis-server.js'
import { type SentinelGroup, startSentinel } from '../support/servers/sentinel.js'

const PASSWORD = 'data-password'
const SENTINEL_PASSWORD = 'sentinel-password'
const FAILOVER_WITHIN_MS = 20_000
/** What calls end with whose connection goes, until Sentinel names another master. */
const FAILOVER_CODES = [
  'CONNECTION_LOST',
  'CONNECTION_REFUSED',
  'OUTCOME_UNKNOWN',
  'READ_ONLY',
  'TIMEOUT',
  'LOADING',
]

let group: SentinelGroup
let master: RedisServer

async function cutAll(): Promise<void> {
  await master.cli('CLIENT', 'KILL', 'TYPE', 'normal')
}

const SENTINEL_FAULTS: Omit<Fault, 'load'>[] = [
  {
    name: 'Sentinel: two of three hung, and every connection cut',
    strike: async () => {
      for (const sentinel of group.sentinels.slice(0, 2)) sentinel.pause()
      await cutAll()
    },
    mend: async () => {
      for (const sentinel of group.sentinels) sentinel.resume()
    },
    codes: ['OUTCOME_UNKNOWN', 'CONNECTION_LOST', 'TIMEOUT'],
    lastsMs: 4_000,
  },
  {
    name: 'Sentinel: one of three gone, and every connection cut',
    strike: async () => {
      await group.sentinels[0]?.kill()
      await cutAll()
    },
    mend: async () => group.sentinels[0]?.restart({ keepData: true }),
    codes: ['OUTCOME_UNKNOWN', 'CONNECTION_LOST'],
  },
  {
    name: 'Sentinel: all gone, and every connection cut',
    strike: async () => {
      await Promise.all(group.sentinels.map((sentinel) => sentinel.kill()))
      await cutAll()
    },
    mend: () =>
      Promise.all(group.sentinels.map((sentinel) => sentinel.restart({ keepData: true }))),
    codes: ['OUTCOME_UNKNOWN', 'CONNECTION_LOST', 'CONNECTION_REFUSED'],
  },
]

/** A fault, and options of the database beside those that lead to it. */
type MasterFault = Omit<Fault, 'load'> & { durability?: DurabilityOptions }

const MASTER_FAULTS: MasterFault[] = [
  {
    name: 'Sentinel: failover by command',
    strike: () => group.failover(),
    codes: FAILOVER_CODES,
    loses: 'what was not replicated',
  },
  {
    name: 'Sentinel: the master killed',
    strike: () => group.killMaster(),
    codes: FAILOVER_CODES,
    loses: 'what was not replicated',
  },
  {
    name: 'Sentinel: failover by command, writes confirmed by both replicas',
    durability: { replicas: 2, timeoutMs: 1_000 },
    strike: () => group.failover(),
    codes: [...FAILOVER_CODES, 'NOT_DURABLE'],
    loses: 'what was not confirmed',
  },
  {
    name: 'Sentinel: the master killed, writes confirmed by one replica',
    durability: { replicas: 1, timeoutMs: 1_000 },
    strike: () => group.killMaster(),
    codes: [...FAILOVER_CODES, 'NOT_DURABLE'],
    loses: 'what was not confirmed',
  },
  {
    name: 'Sentinel: the master hung (SIGSTOP), going on later as a replica',
    async strike() {
      master.pause()
      await eventually(async () => (await group.currentMaster()) !== master, {
        withinMs: FAILOVER_WITHIN_MS,
      })
    },
    afterwards: async () => {
      master.resume()
      await group.settled()
    },
    codes: FAILOVER_CODES,
    loses: 'what was not replicated',
  },
]

async function start(): Promise<void> {
  group = await startSentinel({ password: PASSWORD, sentinelPassword: SENTINEL_PASSWORD })
}

async function run({ durability, ...fault }: MasterFault): Promise<void> {
  const { masterName: name, addresses: nodes } = group
  const sentinel = { name, nodes, password: SENTINEL_PASSWORD }
  await endure({ ...fault, load: { database: { sentinel, password: PASSWORD, durability } } })
}

describe('Sentinels that fail, under load', () => {
  beforeAll(async () => {
    await start()
    master = await group.currentMaster()
  })

  afterAll(() => group?.stop())

  beforeEach(async () => {
    await master.cli('FLUSHALL')
  })

  it.each(named(SENTINEL_FAULTS))('%s', (_, fault) => run(fault))
})

describe('a master under load that fails', () => {
  beforeAll(start)

  afterAll(() => group?.stop())

  beforeEach(async () => {
    for (const node of group.nodes) if (!node.running) await node.restart({ keepData: true })
    await group.settled()
    master = await group.currentMaster()
    await master.cli('FLUSHALL')
  })

  it.each(named(MASTER_FAULTS))('%s', (_, fault) => run(fault))
})
