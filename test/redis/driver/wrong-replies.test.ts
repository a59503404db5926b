import { Cluster, Redis } from 'ioredis'
import { Redis as Redis6 } from 'ioredis-6'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { type Answer, startLyingServer } from '../../support/network/lying-server.js'
import { openDatabase } from '../../support/scene.js'

// One reply too many shifts all that follow: each then comes to the command behind the one that it answers.

const STRAY = '$5\r\nstray\r\n'
const USERS = ['bob', 'carol', 'dave']
const REFUSALS: Readonly<Record<string, string>> = {
  ERR: '-ERR unknown command\r\n',
  READONLY: "-READONLY You can't write against a read only replica.\r\n",
  MOVED: '-MOVED 1 127.0.0.1:1\r\n',
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
const tokenOf = (user: string): string => `token of ${user}`
const userOf = (key: string): string => key.split(':').at(-1) ?? ''

function honestReply([name, ...args]: string[], port: number): string {
  if (name === 'get') return bulk(tokenOf(userOf(args[0] ?? '')))
  if (name === 'mget') return `*${args.length}\r\n${args.map((key) => bulk(userOf(key))).join('')}`
  if (name === 'set') return '+OK\r\n'
  if (name === 'eval') return ':1\r\n'
  if (name === 'ping') return '+PONG\r\n'
  if (name === 'cluster' && args[0]?.toLowerCase() === 'info') return bulk('cluster_state:ok')
  if (name === 'cluster') return `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:${port}\r\n`
  return '+OK\r\n'
}

const SHIFTED = ['get', 'mget', 'set', 'eval']

interface ShiftingServer {
  readonly port: number
  /** The data commands that came, by the connection. */
  readonly commands: string[]
}

/** Answers the first `count` commands for data in one packet, with a reply too many in front, and all others honestly. */
async function startShiftingServer(count: number, refusal = ''): Promise<ShiftingServer> {
  const commands: string[] = []
  const answer: Answer = (command) => {
    const [name = ''] = command
    const reply = honestReply(command, server.port)
    if (!SHIFTED.includes(name)) return reply
    commands.push(name)
    held.push(reply)
    if (commands.length < count) return ''
    if (commands.length > count) return reply
    return `${STRAY}${refusal}${held.join('')}`
  }
  const held: string[] = []
  const server = await startLyingServer(answer)
  return { port: server.port, commands }
}

type Opened = (port: number) => RedisOAuthDatabaseOptions

const host = '127.0.0.1'
const quiet = { disableClientInfo: true, enableReadyCheck: false }

function lent(client: Redis | Cluster | Redis6): RedisOAuthDatabaseOptions {
  ;(client as Redis).on('error', () => {})
  onTestFinished(() => client.disconnect())
  return { client }
}

const OWN: readonly (readonly [string, Opened])[] = [
  ['a client of ours', (port) => ({ host, port })],
  ['a Cluster of ours', (port) => ({ cluster: { nodes: [{ host, port }] } })],
  [
    'a borrowed Cluster',
    (port) => lent(new Cluster([{ host, port }], { redisOptions: quiet, enableReadyCheck: false })),
  ],
]
const BORROWED: readonly (readonly [string, Opened])[] = [
  ['a borrowed client', (port) => lent(new Redis({ host, port, ...quiet }))],
  ['a borrowed client of ioredis 6', (port) => lent(new Redis6({ host, port, ...quiet }))],
]

type Call = (db: RedisOAuthDatabase) => Promise<unknown>

const FIRST: readonly (readonly [string, string, Call])[] = [
  ['SET', 'OUTCOME_UNKNOWN', (db) => db.storeToken('a', 'secret')],
  ['MGET', 'REDIS_ERROR', (db) => db.getTokens(['{same}a', '{same}b'])],
  [
    'a script',
    'OUTCOME_UNKNOWN',
    (db) => db.saveAccessToken('a', 'b', { accessToken: 'secret', resourceUrl: 'b' }),
  ],
]

/** What became of calls: the value, or the code of the error. */
async function outcomesOf(calls: readonly Promise<unknown>[]): Promise<unknown[]> {
  return (await Promise.allSettled(calls)).map((result) =>
    result.status === 'fulfilled' ? result.value : (result.reason as { code: string }).code,
  )
}

describe.each(FIRST)('where %s is answered by what is no answer to it', (_name, code, first) => {
  const calls = (db: RedisOAuthDatabase) => [first(db), ...USERS.map((user) => db.getToken(user))]

  it.each(OWN)('%s reads what follows over a new connection', async (_what, options) => {
    const { port } = await startShiftingServer(4)
    const db = openDatabase(options(port))
    await db.ping()
    expect(await outcomesOf(calls(db))).toEqual([code, ...USERS.map(tokenOf)])
  })

  it.each(BORROWED)('%s fails what follows', async (_what, options) => {
    const { port } = await startShiftingServer(4)
    const db = openDatabase(options(port))
    await db.ping()
    expect(await outcomesOf(calls(db))).toEqual([code, ...USERS.map(() => 'CONNECTION_LOST')])
    expect(await db.getToken('bob')).toBe(tokenOf('bob'))
  })
})

describe.each(Object.keys(REFUSALS))('where %s follows on a wrong reply', (refusal) => {
  it.each([...OWN, ...BORROWED])('%s does not take it for the answer to a write', async (...by) => {
    const [, options] = by
    const { port, commands } = await startShiftingServer(2, REFUSALS[refusal])
    const db = openDatabase(options(port))
    await db.ping()
    const writes = ['a', 'b'].map((key) => db.storeToken(key, 'secret'))
    expect(await outcomesOf(writes)).toEqual(['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN'])
    expect(await db.getToken('bob')).toBe(tokenOf('bob'))
    expect(commands).toEqual(['set', 'set', 'get'])
  })
})
