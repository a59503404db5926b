import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { doctor, type Finding } from '../../../src/admin.js'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { aclRule } from '../../support/servers/acl-rule.js'
import { bareClient } from '../../support/servers/bare-client.js'
import { type RedisServer, redisMajor } from '../../support/servers/redis-server.js'
import { TEST_PREFIX, TOPOLOGIES } from '../../support/servers/topologies.js'

const URL = 'https://mcp.example/'
const TOKEN = { accessToken: 'access', refreshToken: 'refresh', resourceUrl: URL }

const PKCE = { url: URL, codeVerifier: 'verifier', codeChallenge: 'challenge', resourceUrl: URL }

const codesOf = (findings: readonly Finding[], mark: Finding['mark']): (string | null)[] =>
  findings.filter((finding) => finding.mark === mark).map(({ code }) => code)

const factsOf = (findings: readonly Finding[]): string =>
  findings.map(({ fact }) => fact).join('\n')

const key = (id: string) => ({ id, key: randomBytes(32) })

async function open(
  options: RedisOAuthDatabaseOptions = {},
): Promise<[RedisServer, RedisOAuthDatabase]> {
  const server = await startServer({ appendonly: true })
  return [server, openDatabase({ host: server.host, port: server.port, ...options })]
}

it.each(TOPOLOGIES)('finds no trouble on $name, and leaves nothing', async (topology) => {
  const redis = await topology.start()
  onTestFinished(() => redis.stop())
  const db = openDatabase({ ...redis.options, keyPrefix: TEST_PREFIX })
  const findings = await doctor(db)
  expect(codesOf(findings, 'trouble')).toEqual([])
  expect(codesOf(findings, 'advice')).toContain('NO_ENCRYPTION')
  expect(await redis.keys('*')).toEqual([])
})

it('says of a good setup what is so, with nothing to do', async () => {
  const [server, db] = await open({ encryption: { keys: [key('new')] }, keyPrefix: 'app:' })
  await db.saveAccessToken('alice', URL, TOKEN)
  await db.storeToken('a', 'token')
  const findings = await doctor(db)
  expect(findings.filter(({ mark }) => mark !== 'ok')).toEqual([])
  const facts = factsOf(findings)
  for (const fact of [
    `this database is number 0 of ${server.host}:${server.port} (server), without near cache`,
    'runs version ',
    'has the role master',
    'has the eviction policy noeviction',
    'MiB of memory, without a limit of its own',
    'has an append-only file',
    'ms from this one',
    'has 0 replicas',
    'the Redis user may run every command',
    'records can be written',
    'connections use no TLS, and do not leave this machine',
    'under the prefix "app:" stands access 1, index 1, token 1',
    'records by the key that encrypted them: new 2',
  ]) {
    expect(facts).toContain(fact)
  }
  for (const { advice, code } of findings) expect([advice, code]).toEqual([null, null])
})

it('finds records that cannot be read, that others wrote, and that have old keys', async () => {
  const [old, fresh] = [key('old'), key('new')]
  const [server, db] = await open({ encryption: { keys: [fresh, old] } })
  const { host, port } = server
  const before = openDatabase({ host, port, encryption: { keys: [old] } })
  await before.storeToken('a', 'token')
  await db.storeToken('b', 'token')
  const strange = openDatabase({ host, port, encryption: { keys: [key('lost')] } })
  await strange.storeToken('c', 'token')
  await server.cli('SET', 'atxp:oauth:~unheard:of', 'value')
  const findings = await doctor(db)
  expect(codesOf(findings, 'trouble')).toEqual(['UNREADABLE_RECORD'])
  expect(codesOf(findings, 'advice')).toEqual(['FOREIGN_KEYS', 'OLD_KEYS'])
  expect(factsOf(findings)).toMatch(
    /1 record\(s\) cannot be read: token [0-9a-f]{12} \(unknownKey lost\)/,
  )
  expect(factsOf(findings)).toContain('new 1, old 1; 1 of them not by the first key')
})

it('finds records under the names of another hash key, and shows none of these', async () => {
  const [encryption, hashKeys] = [{ keys: [key('a')] }, { key: randomBytes(32) }]
  const [{ host, port }, before] = await open({ encryption, hashKeys })
  await before.storeToken('secret name', 'token')
  await before.saveAccessToken('alice', URL, TOKEN)
  await before.saveClientCredentials(URL, {
    clientId: 'id',
    clientSecret: 'secret',
    redirectUri: URL,
  })
  await before.savePKCEValues('alice', 'state', PKCE)
  expect(codesOf(await doctor(before), 'trouble')).toEqual([])
  const otherKey = randomBytes(32)
  const after = openDatabase({ host, port, encryption, hashKeys: { key: otherKey } })
  await after.storeToken('secret name', 'token')
  const findings = await doctor(after)
  expect(codesOf(findings, 'trouble')).toEqual(['OTHER_HASH_KEY'])
  expect(findings.find(({ code }) => code === 'OTHER_HASH_KEY')).toMatchObject({
    fact: expect.stringMatching(/^4 of 5 record\(s\) .* users seem logged out$/),
    advice: expect.stringContaining('Set hashKeys.key (ATXP_REDIS_HASH_KEY) back'),
  })
  for (const secret of ['secret name', 'alice', URL, 'state', otherKey.toString('base64')]) {
    expect(JSON.stringify(findings)).not.toContain(secret)
  }
  expect(factsOf(await doctor(before))).toContain('1 of 5 record(s)')
})

it('takes records from before hashKeys for unreadable, and for nothing else', async () => {
  const encryption = { keys: [key('a')], acceptPlaintext: true }
  const [{ host, port }, plain] = await open()
  await plain.storeToken('a', 'token')
  await plain.saveAccessToken('alice', URL, TOKEN)
  const hashKeys = { key: randomBytes(32) }
  const findings = await doctor(openDatabase({ host, port, encryption, hashKeys }))
  expect(codesOf(findings, 'trouble')).toEqual(['UNREADABLE_RECORD'])
})

it('advises encryption, and TLS where the connection may leave the machine', async () => {
  const [server] = await open()
  const client = bareClient({ path: server.path })
  const db = openDatabase({ client })
  expect(codesOf(await doctor(db), 'advice')).toEqual(['NO_ENCRYPTION'])
  const away = openDatabase({ host: 'redis.invalid', maxRetriesPerRequest: 0 })
  const findings = await doctor(away)
  expect(codesOf(findings, 'advice')).toEqual(['NO_TLS'])
  expect(codesOf(findings, 'trouble')).toEqual(['HOST_NOT_FOUND'])
})

it('takes a borrowed client of Sentinel for what it is, and not for a connection to localhost', async () => {
  const master = await startServer()
  const monitor = `sentinel monitor mymaster ${master.host} ${master.port} 1`
  const { host, port } = await startServer({ sentinel: [monitor] })
  // Without `enableTLSForSentinelMode` ioredis makes nothing of `tls`.
  const client = new Redis({ sentinels: [{ host, port }], name: 'mymaster', tls: {} })
  onTestFinished(() => client.disconnect())
  const findings = await doctor(openDatabase({ client }))
  expect(codesOf(findings, 'advice')).toContain('NO_TLS')
  expect(factsOf(findings)).toContain(
    `number 0 of mymaster (by Sentinel ${host}:${port}) (sentinel), without near cache`,
  )
})

it.each([
  ['set', 'nothing is stored'],
  ['hset', 'access tokens and PKCE values cannot be stored'],
  ['scan', 'nothing can be listed'],
  ['publish', 'leases cannot be released'],
  ['subscribe', 'waits for leases end late'],
  ['eval', 'no access tokens, PKCE values or leases'],
])('finds that the user lacks the right to %s', async (command, lost) => {
  const rule = `${aclRule('atxp:oauth:', redisMajor())} -${command}`
  const server = await startServer({ users: [{ name: 'app', password: 'secret', rule }] })
  const { host, port } = server
  const findings = await doctor(openDatabase({ host, port, username: 'app', password: 'secret' }))
  const denied = findings.filter(({ code }) => code === 'PERMISSION_DENIED')
  expect(denied).toHaveLength(1)
  expect(denied[0]).toMatchObject({
    mark: 'trouble',
    fact: expect.stringMatching(new RegExp(`'${command}'.*${lost}`)),
    advice: expect.stringContaining(`+${command}`),
  })
})

it.each([
  ['resetkeys ~other:*', 'the keys of this database', '~atxp:oauth:*'],
  ['resetchannels &other:*', 'the channels of this database', '&atxp:oauth:*'],
])('finds that the user has %s only', async (rule, fact, advice) => {
  const whole = `${aclRule('atxp:oauth:', redisMajor())} ${rule}`
  const server = await startServer({ users: [{ name: 'app', password: 'secret', rule: whole }] })
  const { host, port } = server
  const findings = await doctor(openDatabase({ host, port, username: 'app', password: 'secret' }))
  expect(findings.find(({ code }) => code === 'PERMISSION_DENIED')).toMatchObject({
    fact: expect.stringContaining(fact),
    advice: expect.stringContaining(advice),
  })
})

it('ends by its signal', async () => {
  const [, db] = await open()
  await db.storeToken('a', 'token')
  await expect(doctor(db, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'ABORTED',
  })
})
