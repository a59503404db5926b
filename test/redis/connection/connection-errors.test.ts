import { createServer, type Server, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { expectFailure, SECRETS } from '../../support/connection/failure-facts.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { certificates, type ServerCertificateName } from '../../support/servers/certificates.js'
import { startCluster } from '../../support/servers/cluster.js'
import { freePort } from '../../support/servers/free-port.js'

/** A server that speaks nothing: it does with each connection what it is told. */
async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const port = await freePort()
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return port
}

/** Every kind of operation, since each must tell the same. */
function operations(db: RedisOAuthDatabase): Promise<unknown>[] {
  return [
    db.storeToken('a', SECRETS.token),
    db.getToken('a'),
    db.deleteToken('a'),
    db.hasToken('a'),
    db.listTokens(),
    db.getTokenExpiry('a'),
    db.getTokens(['a', 'b']),
    db.deleteTokens(['a', 'b']),
    db.ping(),
  ]
}

async function expectAllFail(
  db: RedisOAuthDatabase,
  code: Parameters<typeof expectFailure>[1],
  server: string,
): Promise<void> {
  await Promise.all(operations(db).map((work) => expectFailure(work, code, server)))
}

describe('a server that is not there', () => {
  const { username, password } = SECRETS

  it('fails every operation with CONNECTION_REFUSED and says what to check', async () => {
    const port = await freePort()
    const url = `redis://${username}:${password}@127.0.0.1:${port}`
    const db = openDatabase({ url })
    await expectAllFail(db, 'CONNECTION_REFUSED', `127.0.0.1:${port}`)
    const { message } = await expectFailure(db.getToken('a'), 'CONNECTION_REFUSED', '127.0.0.1')
    expect(message).toMatch(/Start Redis.*host, port and firewall.*redis-cli ping/)
  })

  it('is refused by the name localhost too, though that may have two addresses', async () => {
    const port = await freePort()
    await expectFailure(openDatabase({ port }).ping(), 'CONNECTION_REFUSED', `localhost:${port}`)
  })

  it('fails with CONNECTION_REFUSED when it is a Unix socket that is missing', async () => {
    const db = openDatabase({ url: `unix://:${password}@/nowhere/redis.sock` })
    const work = db.ping()
    const { message } = await expectFailure(work, 'CONNECTION_REFUSED', '/nowhere/redis.sock')
    expect(message).toMatch(/no Unix socket.*unixsocket/)
    expect(message).not.toMatch(/port|firewall/)
  })

  it('fails with HOST_NOT_FOUND when its name does not resolve', async () => {
    const db = openDatabase({
      url: `redis://:${password}@no-such-host.invalid`,
      commandTimeout: 10_000,
    })
    await expectFailure(db.getToken('a'), 'HOST_NOT_FOUND', 'no-such-host.invalid:6379')
  })

  it('fails with CONNECTION_LOST when it ends every connection, and does not say that it is down', async () => {
    const port = await listen((socket) => socket.end())
    const db = openDatabase({ host: '127.0.0.1', port })
    await expectAllFail(db, 'CONNECTION_LOST', `127.0.0.1:${port}`)
    const { message } = await expectFailure(db.ping(), 'CONNECTION_LOST', `127.0.0.1:${port}`)
    expect(message).toMatch(/closes each connection before it answers.*TLS/)
  })

  it('fails with CONNECTION_TIMEOUT when the connection does not stand in time', async () => {
    const port = await listen(() => undefined)
    const db = openDatabase({
      url: `rediss://:${password}@127.0.0.1:${port}`,
      connectionTimeout: 50,
      maxRetriesPerRequest: 1,
      commandTimeout: 5_000,
    })
    const work = db.storeToken('a', SECRETS.token)
    const { message } = await expectFailure(work, 'CONNECTION_TIMEOUT', `127.0.0.1:${port}`)
    expect(message).toMatch(/firewall.*connectionTimeout/)
  })

  it('fails with CONNECTION_TIMEOUT when it takes the connection and never answers, with TLS or without', async () => {
    const port = await listen(() => undefined)
    for (const tls of [undefined, {}]) {
      const db = openDatabase({ host: '127.0.0.1', port, tls, connectionTimeout: 100 })
      await expectAllFail(db, 'CONNECTION_TIMEOUT', `127.0.0.1:${port}`)
    }
  })

  it('fails with NOT_REDIS when it is an HTTP server', async () => {
    const port = await listen((socket) => {
      socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    const db = openDatabase({ host: '127.0.0.1', port })
    const { message } = await expectFailure(db.getToken('a'), 'NOT_REDIS', `127.0.0.1:${port}`)
    expect(message).toContain('HTTP')
  })

  it('fails with MASTER_NOT_FOUND when the Sentinels know no master of that name', async () => {
    const sentinel = await startServer({ sentinel: [] })
    const { host, port } = sentinel
    const db = openDatabase({ sentinel: { name: 'myMaster', nodes: [{ host, port }] } })
    const { message } = await expectFailure(db.ping(), 'MASTER_NOT_FOUND', 'myMaster')
    expect(message).toMatch(/sentinel\.name.*SENTINEL MASTERS/)
  })

  it('fails with MASTER_NOT_FOUND when it is no Sentinel', async () => {
    const { host, port } = await startServer()
    const db = openDatabase({ sentinel: { name: 'mymaster', nodes: [{ host, port }] } })
    await expectFailure(db.ping(), 'MASTER_NOT_FOUND', 'mymaster')
  })
})

describe('a Cluster', () => {
  const gone = { host: 'no-such-host.invalid', port: 6379 }

  it('is found while some names of its nodes do not resolve', async () => {
    const cluster = await startCluster()
    onTestFinished(() => cluster.stop())
    const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
    const db = openDatabase({ cluster: { nodes: [gone, ...nodes] } })
    await db.storeToken('a', SECRETS.token)
    expect(await db.getToken('a')).toBe(SECRETS.token)
  })

  it('fails with HOST_NOT_FOUND when none does', async () => {
    const db = openDatabase({ cluster: { nodes: [gone] }, commandTimeout: 10_000 })
    await expectFailure(db.getToken('a'), 'HOST_NOT_FOUND', 'no-such-host.invalid:6379')
  })

  it('that is none fails with REDIS_ERROR, for calls and walks', async () => {
    const { host, port } = await startServer()
    const db = openDatabase({ cluster: { nodes: [{ host, port }] } })
    for (const work of [db.getToken('a'), db.listTokens(), db.health(), db.ready()]) {
      const { message } = await expectFailure(work, 'REDIS_ERROR', `${host}:${port}`)
      expect(message).toMatch(/no Redis Cluster.*redis:\/\//)
    }
  })
})

describe('TLS', () => {
  async function expectTlsFailure(
    certificate: ServerCertificateName,
    tls: RedisOAuthDatabaseOptions['tls'],
  ): Promise<string> {
    const { host, port } = await startServer({ tls: certificate })
    const db = openDatabase({ host, port, tls, password: SECRETS.password })
    const work = db.storeToken('a', SECRETS.token)
    return (await expectFailure(work, 'TLS_FAILED', `${host}:${port}`)).message
  }

  it('fails with TLS_FAILED when the certificate is by an authority that is not trusted', async () => {
    const { ca } = await certificates()
    expect(await expectTlsFailure('foreign', { ca: ca.cert })).toContain('tls.ca')
    await expectTlsFailure('server', {})
  })

  it('fails with TLS_FAILED when the certificate has expired', async () => {
    const { ca } = await certificates()
    expect(await expectTlsFailure('expired', { ca: ca.cert })).toContain('expired')
  })

  it('fails with TLS_FAILED when the certificate is for another name', async () => {
    const { ca } = await certificates()
    expect(await expectTlsFailure('wrongName', { ca: ca.cert })).toContain('for this name')
  })

  it('verifies the certificate against servername where one is given', async () => {
    const { ca } = await certificates()
    const { host, port } = await startServer({ tls: 'wrongName' })
    await openDatabase({ host, port, tls: { ca: ca.cert, servername: 'elsewhere.example' } }).ping()
    const other = openDatabase({ host, port, tls: { ca: ca.cert, servername: 'another.example' } })
    await expectFailure(other.ping(), 'TLS_FAILED', `${host}:${port}`)
  })

  it('fails with TLS_FAILED, or CONNECTION_TIMEOUT, when the port speaks no TLS', async () => {
    const { host, port } = await startServer({})
    const db = openDatabase({ host, port, tls: {}, connectionTimeout: 500 })
    const error = await db.ping().then(Object, Object)
    // Redis answers a handshake only if it happens to have a line's end in it.
    expect(['TLS_FAILED', 'CONNECTION_TIMEOUT']).toContain(error.code)
    expect(error.message).toMatch(new RegExp(`${host}:${port}.*TLS`))
  })

  it('fails with TLS_FAILED when the server asks for a certificate and gets none', async () => {
    const { ca } = await certificates()
    const { host, port } = await startServer({ tls: true, config: { 'tls-auth-clients': 'yes' } })
    const db = openDatabase({ host, port, tls: { ca: ca.cert } })
    await expectFailure(db.ping(), 'TLS_FAILED', `${host}:${port}`)
  })

  it('fails with CONNECTION_LOST when the port speaks only TLS and the client does not', async () => {
    const { host, port } = await startServer({ tls: true })
    const work = openDatabase({ host, port }).ping()
    const { message } = await expectFailure(work, 'CONNECTION_LOST', `${host}:${port}`)
    expect(message).toContain('rediss://')
  })

  it('says the same of a port that refuses in words of TLS', async () => {
    const alert = Buffer.from([21, 3, 1, 0, 2, 2, 70])
    const port = await listen((socket) => socket.on('data', () => socket.end(alert)))
    const work = openDatabase({ host: '127.0.0.1', port }).ping()
    const { message } = await expectFailure(work, 'CONNECTION_LOST', `127.0.0.1:${port}`)
    expect(message).toContain('rediss://')
  })
})

describe('authentication', () => {
  const { username, password, token } = SECRETS
  const users = [{ name: username, password, rule: '~* &* +@all' }]

  it('lets the right user with the right password in', async () => {
    const { port } = await startServer({ users, requirepass: 'another' })
    const db = openDatabase({ url: `redis://${username}:${password}@127.0.0.1:${port}` })
    await db.storeToken('a', token)
    expect(await db.getToken('a')).toBe(token)
  })

  it('fails with AUTHENTICATION_FAILED for a wrong password, of the default user or another', async () => {
    const { port } = await startServer({ users, requirepass: 'another' })
    for (const userinfo of [`:${password}`, `${username}:x${password}`]) {
      const db = openDatabase({ url: `redis://${userinfo}@127.0.0.1:${port}` })
      await expectAllFail(db, 'AUTHENTICATION_FAILED', `127.0.0.1:${port}`)
    }
  })

  it('fails with AUTHENTICATION_FAILED for a user whom Redis does not know', async () => {
    const { port } = await startServer({ requirepass: password })
    const db = openDatabase({ url: `redis://${username}:${password}@127.0.0.1:${port}` })
    await expectAllFail(db, 'AUTHENTICATION_FAILED', `127.0.0.1:${port}`)
  })

  it('fails with AUTHENTICATION_REQUIRED where a password is missing', async () => {
    const { host, port } = await startServer({ requirepass: password })
    await expectAllFail(openDatabase({ host, port }), 'AUTHENTICATION_REQUIRED', `${host}:${port}`)
  })

  it('fails at once: trying again would not mend it', async () => {
    const { host, port } = await startServer({ requirepass: password })
    const startedAt = performance.now()
    const db = openDatabase({ host, port, password: 'wrong', retryDelayOnFailover: 5_000 })
    await expectFailure(db.ping(), 'AUTHENTICATION_FAILED', `${host}:${port}`)
    expect(performance.now() - startedAt).toBeLessThan(1_500)
  })

  it('succeeds again as soon as the password is right', async () => {
    const server = await startServer({ requirepass: 'old' })
    const { host, port } = server
    const db = openDatabase({ host, port, password: 'new' })
    await expectFailure(db.ping(), 'AUTHENTICATION_FAILED', `${host}:${port}`)
    await server.cli('ACL', 'SETUSER', 'default', '>new')
    await db.ping()
  })

  it('with a password where none is needed succeeds, with a warning that does not show it', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const { host, port } = await startServer({})
    await openDatabase({ host, port, password }).ping()
    expect(warn).toHaveBeenCalledOnce()
    expect(String(warn.mock.calls)).not.toContain(password)
    warn.mockRestore()
  })
})

it('a Unix socket is reached by its URL, by path, and with its password', async () => {
  const { password } = SECRETS
  const server = await startServer({ unixsocket: true, requirepass: password })
  await openDatabase({ url: `unix://:${password}@${server.path}?db=2` }).storeToken('a', 'one')
  expect(await openDatabase({ path: server.path, password, db: 2 }).getToken('a')).toBe('one')
  await expectFailure(
    openDatabase({ path: server.path }).ping(),
    'AUTHENTICATION_REQUIRED',
    server.path,
  )
})

describe('the .env example of the reference', () => {
  it('connects with its password to its database', async () => {
    const server = await startServer({ requirepass: 'your_password' })
    const db = RedisOAuthDatabase.fromEnv(
      {},
      {
        REDIS_URL: `redis://127.0.0.1:${server.port}`,
        REDIS_PASSWORD: 'your_password',
        REDIS_DB: '3',
        REDIS_KEY_PREFIX: 'atxp:oauth:',
      },
    )
    onTestFinished(() => db.close())
    await db.storeToken('user_123', 'one')
    expect(await server.cli('INFO', 'keyspace')).toMatch(/db3:keys=1,/)
    expect(await server.cli('INFO', 'keyspace')).not.toContain('db0')
  })
})
