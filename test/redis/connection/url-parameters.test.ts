import { describe, expect, it } from 'vitest'
import { expectFailure } from '../../support/connection/failure-facts.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { certificates } from '../../support/servers/certificates.js'

// What hosts put into their URLs for other clients, where it means something here as well.

describe('family', () => {
  it('chooses the IP version of the connection', async () => {
    const { port } = await startServer()
    const at = (family: number) =>
      openDatabase({ url: `redis://localhost:${port}?family=${family}`, maxRetriesPerRequest: 0 })
    await Promise.all([at(4).ping(), at(0).ping()])
    // The server is at 127.0.0.1 alone.
    await expect(at(6).ping()).rejects.toMatchObject({ name: 'RedisOAuthDatabaseError' })
  })

  it('chooses it for Sentinels and for their master', async () => {
    const master = await startServer()
    const { port } = await startServer({
      sentinel: [`sentinel monitor mymaster ${master.host} ${master.port} 1`],
    })
    const at = (family: number) =>
      openDatabase({
        url: `redis-sentinel://localhost:${port}?name=mymaster&family=${family}`,
        maxRetriesPerRequest: 0,
      })
    await Promise.all([at(4).ping(), at(0).ping()])
    await expect(at(6).ping()).rejects.toMatchObject({ name: 'RedisOAuthDatabaseError' })
  })
})

describe('the parameters of TLS', () => {
  it('ssl_cert_reqs says whether the certificate is verified', async () => {
    const { host, port } = await startServer({ tls: 'foreign' })
    await openDatabase({ url: `rediss://${host}:${port}?ssl_cert_reqs=none` }).ping()
    const verifying = openDatabase({ url: `rediss://${host}:${port}?ssl_cert_reqs=required` })
    await expectFailure(verifying.ping(), 'TLS_FAILED', `${host}:${port}`)
  })

  it('ssl_ca_certs names the file of the authority', async () => {
    const { ca } = await certificates()
    const { host, port } = await startServer({ tls: true })
    await openDatabase({ url: `rediss://${host}:${port}?ssl_ca_certs=${ca.certFile}` }).ping()
    const trustless = openDatabase({ url: `rediss://${host}:${port}` })
    await expectFailure(trustless.ping(), 'TLS_FAILED', `${host}:${port}`)
  })
})
