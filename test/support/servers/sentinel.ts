import { eventually } from '../eventually.js'
import { type RedisServer, startRedis } from './redis-server.js'

const MASTER_NAME = 'mymaster'
const READY_WITHIN_MS = 20_000

export interface SentinelOptions {
  /** The password of master and replicas. */
  password?: string
  /** The password of the Sentinels themselves. */
  sentinelPassword?: string
  /** TLS on all of them. */
  tls?: boolean
}

/** Starts a master, two replicas and three Sentinels that notice a dead master within a second. */
export async function startSentinel(options: SentinelOptions = {}): Promise<SentinelGroup> {
  const { password, tls } = options
  const data = { ...(password !== undefined && { requirepass: password }), ...(tls && { tls }) }
  const master = await startRedis(data)
  const replicaof = `${master.host} ${master.port}`
  const replicas = await Promise.all(
    [1, 2].map(() => startRedis({ ...data, config: { replicaof } })),
  )
  const nodes = [master, ...replicas]
  // The Sentinels then find the replicas at their first look; the next would be ten seconds later.
  await eventually(() => allFollow(nodes, master), { withinMs: READY_WITHIN_MS })
  const sentinels = await Promise.all([1, 2, 3].map(() => startOneSentinel(master, options)))
  const group = new SentinelGroup(nodes, sentinels)
  await group.settled()
  return group
}

async function startOneSentinel(
  master: RedisServer,
  { password, sentinelPassword, tls }: SentinelOptions,
): Promise<RedisServer> {
  const server = await startRedis({
    ...(sentinelPassword !== undefined && { requirepass: sentinelPassword }),
    ...(tls && { tls }),
    sentinel: [
      `sentinel monitor ${MASTER_NAME} ${master.host} ${master.port} 2`,
      `sentinel down-after-milliseconds ${MASTER_NAME} 1000`,
      `sentinel failover-timeout ${MASTER_NAME} 3000`,
      ...(password === undefined
        ? []
        : [`sentinel auth-pass ${MASTER_NAME} ${JSON.stringify(password)}`]),
      ...(sentinelPassword === undefined
        ? []
        : [`sentinel sentinel-pass ${JSON.stringify(sentinelPassword)}`]),
    ],
  })
  // Redis 7 and later; without it the Sentinels take some ten seconds more to settle.
  await server
    .cli('SENTINEL', 'DEBUG', 'INFO-PERIOD', 500, 'PUBLISH-PERIOD', 200, 'PING-PERIOD', 200)
    .catch(() => undefined)
  return server
}

export class SentinelGroup {
  readonly masterName: string = MASTER_NAME
  /** Master and replicas, in the order of their start. */
  readonly nodes: RedisServer[]
  readonly sentinels: RedisServer[]

  constructor(nodes: RedisServer[], sentinels: RedisServer[]) {
    this.nodes = nodes
    this.sentinels = sentinels
  }

  /** The addresses of the Sentinels, as ioredis' `sentinels` takes them. */
  get addresses(): { host: string; port: number }[] {
    return this.sentinels.map(({ host, port }) => ({ host, port }))
  }

  /** `redis-sentinel://h1:p1,h2:p2,h3:p3/0?name=mymaster`, without passwords. */
  get url(): string {
    const addresses = this.addresses.map(({ host, port }) => `${host}:${port}`).join(',')
    return `redis-sentinel://${addresses}/0?name=${MASTER_NAME}`
  }

  /** The master that the Sentinels name. */
  async currentMaster(): Promise<RedisServer> {
    const sentinel = this.sentinels.find(({ running }) => running)
    if (sentinel === undefined) throw new Error('no Sentinel is running')
    return this.#masterBy(sentinel)
  }

  /** Makes a replica the master, while all are well. Comes back when all know. */
  async failover(): Promise<RedisServer> {
    const before = await this.currentMaster()
    await this.sentinels[0]?.cli('SENTINEL', 'FAILOVER', MASTER_NAME)
    return this.#masterAfter(before)
  }

  /** Kills the master. Comes back when the Sentinels have made a replica the master. */
  async killMaster(): Promise<RedisServer> {
    const before = await this.currentMaster()
    await before.kill()
    return this.#masterAfter(before)
  }

  /** Waits until all Sentinels name the same master, know each other, and every other node follows that master. */
  async settled(): Promise<void> {
    await eventually(() => this.#isSettled(), { withinMs: READY_WITHIN_MS })
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.nodes].map((server) => server.stop()))
  }

  async #masterAfter(before: RedisServer): Promise<RedisServer> {
    await eventually(async () => (await this.currentMaster()) !== before, {
      withinMs: READY_WITHIN_MS,
    })
    await this.settled()
    return this.currentMaster()
  }

  async #masterBy(sentinel: RedisServer): Promise<RedisServer> {
    const address = await sentinel.cli<[string, string]>(
      'SENTINEL',
      'GET-MASTER-ADDR-BY-NAME',
      MASTER_NAME,
    )
    const master = this.nodes.find(({ port }) => String(port) === address[1])
    if (master === undefined) throw new Error(`no node is at ${address.join(':')}`)
    return master
  }

  async #isSettled(): Promise<boolean> {
    const sentinels = this.sentinels.filter(({ running }) => running)
    const master = await this.currentMaster()
    for (const sentinel of sentinels) {
      if ((await this.#masterBy(sentinel)) !== master) return false
      const facts = await sentinel.cli<string[]>('SENTINEL', 'MASTER', MASTER_NAME)
      const fact = (name: string) => facts[facts.indexOf(name) + 1]
      if (fact('flags') !== 'master') return false
      if (fact('num-other-sentinels') !== String(this.sentinels.length - 1)) return false
      if (fact('num-slaves') !== String(this.nodes.length - 1)) return false
    }
    return allFollow(this.nodes, master)
  }
}

/** Whether `master` is one, and all other nodes that run are in step with it. */
async function allFollow(nodes: RedisServer[], master: RedisServer): Promise<boolean> {
  const states = await Promise.all(
    nodes
      .filter(({ running }) => running)
      .map(async (node) => {
        const info = await node.cli<string>('INFO', 'replication')
        if (node === master) return info.includes('role:master')
        return (
          info.includes(`master_port:${master.port}\r\n`) && info.includes('master_link_status:up')
        )
      }),
  )
  return states.every(Boolean)
}
