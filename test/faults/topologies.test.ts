import dns from 'node:dns'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { type FaultProxy, startFaultProxy } from '../support/network/fault-proxy.js'
import { certificates } from '../support/servers/certificates.js'
import { type ClusterServers, startCluster } from '../support/servers/cluster.js'
import { freePort } from '../support/servers/free-port.js'
import { type RedisServer, redisMajor, startRedis } from '../support/servers/redis-server.js'
import { type SentinelGroup, startSentinel } from '../support/servers/sentinel.js'

const USER = { name: 'alice', password: 'pass@word/of:alice%', rule: '~* &* +@all' }
const PASSWORD = 'data@password/%'
const SENTINEL_PASSWORD = 'sentinel@password/%'
const SECRETS = [USER.password, PASSWORD, SENTINEL_PASSWORD]
const ENCODED = { user: encodeURIComponent(USER.password), default: encodeURIComponent(PASSWORD) }
/** The name in a certificate that is for no address. */
const NAME = 'elsewhere.example'

const opened: RedisOAuthDatabase[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()))
})

function open(options: RedisOAuthDatabaseOptions): RedisOAuthDatabase {
  const db = new RedisOAuthDatabase(options)
  opened.push(db)
  return db
}

/** Opens by environment variables alone, but for what has none. */
function openByEnv(
  env: Record<string, string>,
  options: RedisOAuthDatabaseOptions = {},
): RedisOAuthDatabase {
  const db = RedisOAuthDatabase.fromEnv(options, env)
  opened.push(db)
  return db
}

/** Every kind of command goes through: single keys, scripts, scans, subscriptions. */
async function expectItServes(db: RedisOAuthDatabase): Promise<void> {
  await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      await db.storeToken(`key-${i}`, `token-${i}`)
      expect(await db.getToken(`key-${i}`)).toBe(`token-${i}`)
    }),
  )
  expect(await db.listTokens()).toHaveLength(20)
  const values = { codeVerifier: 'v', codeChallenge: 'c', resourceUrl: '', url: '' }
  await db.savePKCEValues('user', 'state', values)
  expect(await db.getPKCEValues('user', 'state')).toEqual(values)
  await expectItListens(db)
  const deleted = await db.deleteTokens(Array.from({ length: 20 }, (_, i) => `key-${i}`))
  expect(deleted).toBe(20)
}

/** Who waits for a turn subscribes, and is woken well before it would look by itself again and again. */
async function expectItListens(db: RedisOAuthDatabase): Promise<void> {
  const other = opened.find((each) => each !== db) ?? db
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const options = { recheck: async () => undefined }
  const first = other.singleFlight('turn', () => held, options)
  const second = db.singleFlight('turn', async () => 'done', options)
  release()
  await first
  expect(await second).toBe('done')
}

async function expectCode(db: RedisOAuthDatabase, code: string): Promise<void> {
  const error = await db.ping().then(
    () => undefined,
    (reason: Error & { code: string }) => reason,
  )
  expect(error?.code).toBe(code)
  const shown = `${error?.message} ${error?.stack} ${String(error?.cause)}`
  for (const secret of SECRETS) expect(shown).not.toContain(secret)
}

describe('one server', () => {
  let server: RedisServer
  let tlsServer: RedisServer
  let ca: string

  beforeAll(async () => {
    ca = (await certificates()).ca.cert
    server = await startRedis({ users: [USER], requirepass: PASSWORD })
    tlsServer = await startRedis({ users: [USER], requirepass: PASSWORD, tls: true })
  })

  afterAll(() => Promise.all([server?.stop(), tlsServer?.stop()]))

  const address = ({ host, port }: RedisServer) => ({ host, port })
  const login = { username: USER.name, password: USER.password }
  const userinfo = `${USER.name}:${ENCODED.user}`

  it.each<[string, () => RedisOAuthDatabase]>([
    ['URL', () => open({ url: `redis://${userinfo}@127.0.0.1:${server.port}/1` })],
    ['options', () => open({ ...address(server), ...login, db: 1 })],
    [
      'environment',
      () => openByEnv({ REDIS_URL: `redis://${userinfo}@127.0.0.1:${server.port}/1` }),
    ],
    [
      'environment, part by part',
      () =>
        openByEnv({
          REDIS_HOST: server.host,
          REDIS_PORT: String(server.port),
          REDIS_USERNAME: USER.name,
          REDIS_PASSWORD: USER.password,
        }),
    ],
    [
      'URL with TLS',
      () => open({ url: `rediss://${userinfo}@localhost:${tlsServer.port}`, tls: { ca } }),
    ],
    ['options with TLS', () => open({ ...address(tlsServer), ...login, tls: { ca } })],
    [
      'environment with TLS',
      () =>
        openByEnv(
          { REDIS_URL: `rediss://${userinfo}@localhost:${tlsServer.port}` },
          { tls: { ca } },
        ),
    ],
    ['URL of a Unix socket', () => open({ url: `unix://${userinfo}@${server.path}?db=1` })],
    ['options for a Unix socket', () => open({ path: server.path, ...login, db: 1 })],
    [
      'environment for a Unix socket',
      () => openByEnv({ REDIS_URL: `unix://${userinfo}@${server.path}` }),
    ],
  ])('serves by %s', async (_, connect) => {
    await expectItServes(connect())
  })
})

describe.each([{ tls: false }, { tls: true }])(
  'Sentinel with passwords of its own, %j',
  ({ tls }) => {
    let group: SentinelGroup
    let ca: string

    beforeAll(async () => {
      ca = (await certificates()).ca.cert
      group = await startSentinel({ password: PASSWORD, sentinelPassword: SENTINEL_PASSWORD, tls })
    })

    afterAll(() => group?.stop())

    const trust = () => (tls ? { tls: { ca } } : {})
    const own = () => ({ password: SENTINEL_PASSWORD, ...trust() })
    const url = () =>
      group.url.replace(
        'redis-sentinel://',
        `redis${tls ? 's' : ''}-sentinel://:${ENCODED.default}@`,
      )
    const options = (changes: object = {}, sentinel: object = {}): RedisOAuthDatabaseOptions => ({
      password: PASSWORD,
      ...trust(),
      ...changes,
      sentinel: { name: group.masterName, nodes: group.addresses, ...own(), ...sentinel },
    })

    it.each<[string, () => RedisOAuthDatabase]>([
      ['URL', () => open({ url: url(), sentinel: own(), ...trust() })],
      ['options', () => open(options())],
      ['environment', () => openByEnv({ REDIS_URL: url() }, { sentinel: own(), ...trust() })],
    ])('serves by %s', async (_, connect) => {
      await expectItServes(connect())
    })

    it.each<[string, string, () => RedisOAuthDatabaseOptions]>([
      ['a wrong password for Redis', 'AUTHENTICATION_FAILED', () => options({ password: 'wrong' })],
      ['no password for Redis', 'AUTHENTICATION_REQUIRED', () => options({ password: undefined })],
      [
        'a wrong password for the Sentinels',
        'AUTHENTICATION_FAILED',
        () => options({}, { password: 'wrong' }),
      ],
      [
        'no password for the Sentinels',
        'AUTHENTICATION_REQUIRED',
        () => options({}, { password: undefined }),
      ],
      [
        'a name that the Sentinels do not know',
        'MASTER_NOT_FOUND',
        () => options({}, { name: 'other' }),
      ],
    ])('%s fails with %s', async (_, code, wrong) => {
      await expectCode(open(wrong()), code)
    })
  },
)

describe('Sentinel', () => {
  it('fails as a server does where none of the Sentinels can be had', async () => {
    const nodes = [{ host: '127.0.0.1', port: await freePort() }]
    await expectCode(open({ sentinel: { name: 'mymaster', nodes } }), 'CONNECTION_REFUSED')
  })
})

describe('a Cluster', () => {
  let cluster: ClusterServers

  beforeAll(async () => {
    cluster = await startCluster({ requirepass: PASSWORD })
  })

  afterAll(() => cluster?.stop())

  const url = () => cluster.url.replace('://', `://:${ENCODED.default}@`)
  const nodes = () => cluster.nodes.map(({ host, port }) => ({ host, port }))

  it.each<[string, () => RedisOAuthDatabase]>([
    ['URL', () => open({ url: url() })],
    ['URL of one node', () => open({ url: url().replace(/,.*/, '') })],
    ['options', () => open({ cluster: { nodes: nodes() }, password: PASSWORD })],
    ['environment', () => openByEnv({ REDIS_URL: cluster.url, REDIS_PASSWORD: PASSWORD })],
  ])('serves by %s', async (_, connect) => {
    await expectItServes(connect())
  })

  it.each<[string, string, string | undefined]>([
    ['a wrong password', 'AUTHENTICATION_FAILED', 'wrong'],
    ['no password', 'AUTHENTICATION_REQUIRED', undefined],
  ])('%s fails with %s', async (_, code, password) => {
    await expectCode(open({ cluster: { nodes: nodes() }, password }), code)
  })

  it('fails as a server does where none of the nodes can be had', async () => {
    const absent = { nodes: [{ host: '127.0.0.1', port: await freePort() }] }
    await expectCode(open({ cluster: absent }), 'CONNECTION_REFUSED')
  })

  it('behind address translation is reached by natMap alone', async () => {
    const proxies: [RedisServer, FaultProxy][] = await Promise.all(
      cluster.nodes.map(async (node) => [node, await startFaultProxy(node)]),
    )
    const natMap = Object.fromEntries(
      proxies.map(([node, { host, port }]) => [`${node.host}:${node.port}`, { host, port }]),
    )
    const [first] = proxies.map(([, { host, port }]) => ({ host, port }))
    const db = open({ cluster: { nodes: first ? [first] : [], natMap }, password: PASSWORD })
    await expectItServes(db)
    const masters = await cluster.masters()
    for (const [node, proxy] of proxies) {
      if (masters.includes(node)) expect(proxy.connections).toBeGreaterThan(0)
      const clients = await node.cli<string>('CLIENT', 'LIST', 'TYPE', 'normal')
      const direct = clients.split('\n').filter((line) => line.includes('user=default'))
      expect(direct.length).toBeLessThanOrEqual(proxy.connections)
    }
    await db.close()
    await eventually(() => proxies.every(([, { connections }]) => connections === 0))
    await Promise.all(proxies.map(([, proxy]) => proxy.stop()))
  })
})

// Before Redis 7 a node cannot announce a name.
describe.runIf(redisMajor() >= 7)('a Cluster with TLS whose certificates are for names', () => {
  const { lookup } = dns
  let cluster: ClusterServers
  let ca: string

  beforeAll(async () => {
    ca = (await certificates()).ca.cert
    // In the place of a DNS that knows the name.
    dns.lookup = ((name: string, ...rest: [unknown]) =>
      lookup(name === NAME ? '127.0.0.1' : name, ...(rest as [never]))) as typeof dns.lookup
    cluster = await startCluster({
      requirepass: PASSWORD,
      tls: 'wrongName',
      config: {
        'cluster-announce-hostname': NAME,
        'cluster-preferred-endpoint-type': 'hostname',
      },
    })
  })

  afterAll(async () => {
    dns.lookup = lookup
    await cluster?.stop()
  })

  const url = () => `rediss-cluster://:${ENCODED.default}@${NAME}:${cluster.nodes[0]?.port}`

  it.each<[string, () => RedisOAuthDatabase]>([
    ['URL', () => open({ url: url(), tls: { ca } })],
    [
      'options',
      () =>
        open({
          cluster: { nodes: cluster.nodes.map(({ port }) => ({ host: NAME, port })) },
          password: PASSWORD,
          tls: { ca },
        }),
    ],
    ['environment', () => openByEnv({ REDIS_URL: url() }, { tls: { ca } })],
  ])('serves by %s', async (_, connect) => {
    await expectItServes(connect())
  })

  it('fails with TLS_FAILED for whoever does not trust them', async () => {
    await expectCode(open({ url: url() }), 'TLS_FAILED')
  })
})
