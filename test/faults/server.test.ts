import { afterEach, describe, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { endure, type Fault, named } from '../support/faults/fault.js'
import { freePort } from '../support/servers/free-port.js'
import {
  loadSlowly,
  type RedisServer,
  type RedisServerOptions,
  SLOW_LOADING,
  startRedis,
} from '../support/servers/redis-server.js'

const USER = { name: 'alice', password: 'first', rule: '~* &* +@all' }
/** Nothing that was acknowledged goes with the process. */
const DURABLE = { appendonly: 'yes', appendfsync: 'always' }
/** Some two seconds of loading. */
const KEYS_TO_LOAD = 1_000
const CONNECTION_CODES = ['CONNECTION_REFUSED', 'CONNECTION_LOST', 'OUTCOME_UNKNOWN', 'LOADING']

type ServerFault = Omit<Fault, 'load' | 'strike' | 'mend'> & {
  server: RedisServerOptions
  strike(server: RedisServer): Promise<unknown>
  mend(server: RedisServer): Promise<unknown>
}

/** Changes the configuration and has every client connect anew. */
async function reconfigure(server: RedisServer, name: string, value: string | number) {
  await server.cli('CONFIG', 'SET', name, value)
  await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
}

async function setPassword(server: RedisServer, password: string) {
  await server.cli('ACL', 'SETUSER', USER.name, 'resetpass', `>${password}`)
  await server.cli('CLIENT', 'KILL', 'USER', USER.name)
}

const FAULTS: ServerFault[] = [
  {
    name: 'killed and restarted with its data',
    server: { config: DURABLE },
    strike: (server) => server.kill(),
    mend: (server) => server.restart({ keepData: true }),
    codes: CONNECTION_CODES,
  },
  {
    name: 'killed and restarted empty',
    server: {},
    strike: (server) => server.kill(),
    mend: (server) => server.restart({ keepData: false }),
    codes: CONNECTION_CODES,
    loses: 'everything',
  },
  {
    name: 'hung (SIGSTOP)',
    server: {},
    strike: async (server) => server.pause(),
    mend: async (server) => server.resume(),
    codes: ['TIMEOUT', 'OUTCOME_UNKNOWN'],
    lastsMs: 3_000,
  },
  {
    name: 'loading its data',
    server: { config: SLOW_LOADING },
    strike: (server) => loadSlowly(server, KEYS_TO_LOAD),
    mend: (server) => eventually(() => server.cli('PING')),
    codes: CONNECTION_CODES,
  },
  {
    name: 'no connection left (maxclients)',
    server: {},
    strike: (server) => reconfigure(server, 'maxclients', 1),
    mend: (server) => reconfigure(server, 'maxclients', 10_000),
    codes: ['TOO_MANY_CLIENTS', 'CONNECTION_LOST', 'OUTCOME_UNKNOWN'],
  },
  {
    name: 'out of memory (maxmemory)',
    server: {},
    strike: (server) => server.cli('CONFIG', 'SET', 'maxmemory', 1),
    mend: (server) => server.cli('CONFIG', 'SET', 'maxmemory', 0),
    codes: ['OUT_OF_MEMORY'],
    fails: ['store'],
  },
  {
    name: 'made a replica (READONLY)',
    server: {},
    strike: async (server) => server.cli('REPLICAOF', '127.0.0.1', await freePort()),
    mend: (server) => server.cli('REPLICAOF', 'NO', 'ONE'),
    codes: ['READ_ONLY'],
    fails: ['store', 'delete'],
  },
  {
    name: 'password changed, and changed back',
    server: { users: [USER] },
    strike: (server) => setPassword(server, 'second'),
    mend: (server) => setPassword(server, USER.password),
    codes: ['AUTHENTICATION_FAILED', 'CONNECTION_LOST', 'OUTCOME_UNKNOWN'],
  },
]

describe('a server under load', () => {
  let server: RedisServer | undefined

  afterEach(() => server?.stop())

  it.each(named(FAULTS))('%s', async (_, { server: options, strike, mend, ...fault }) => {
    const started = await startRedis(options)
    server = started
    const { host, port } = started
    const user = options.users?.[0]
    const login = user && { username: user.name, password: user.password }
    await endure({
      ...fault,
      load: { database: { host, port, ...login } },
      strike: () => strike(started),
      mend: () => mend(started),
    })
  })
})
