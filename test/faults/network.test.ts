import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'vitest'
import { endure, type Fault, named } from '../support/faults/fault.js'
import type { Load } from '../support/faults/load.js'
import { type FaultProxy, startFaultProxy } from '../support/network/fault-proxy.js'
import { makeDirectory } from '../support/processes/lifeline.js'
import { certificates } from '../support/servers/certificates.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

const CUT_EVERY_MS = 100
const SLOW_MS = 300
/** Longer than a call may take, so that calls end in it. */
const SILENCE_MS = 3_000
const NAME = 'redis.test'

type NetworkFault = Omit<Fault, 'load' | 'strike' | 'mend'> & {
  strike(proxy: FaultProxy): unknown
  mend(proxy: FaultProxy): unknown
}

const CUT_CODES = ['CONNECTION_LOST', 'CONNECTION_REFUSED', 'OUTCOME_UNKNOWN']
const SILENCE_CODES = ['TIMEOUT', 'OUTCOME_UNKNOWN']

function cutAgainAndAgain(proxy: FaultProxy): () => void {
  const timer = setInterval(() => proxy.cut(), CUT_EVERY_MS)
  return () => clearInterval(timer)
}

let stopCutting = (): void => undefined

const FAULTS: NetworkFault[] = [
  {
    name: 'connections cut, ten times a second',
    strike: (proxy) => {
      stopCutting = cutAgainAndAgain(proxy)
    },
    mend: () => stopCutting(),
    codes: CUT_CODES,
  },
  {
    name: 'connections cut and refused',
    strike: (proxy) => {
      proxy.refuse()
      proxy.cut()
    },
    mend: (proxy) => proxy.accept(),
    codes: CUT_CODES,
  },
  {
    name: 'bytes held in both directions, then delivered',
    strike: (proxy) => proxy.stall(),
    mend: (proxy) => proxy.resume(),
    codes: SILENCE_CODES,
    lastsMs: SILENCE_MS,
    mayBeLate: true,
  },
  {
    name: 'replies held, then delivered',
    strike: (proxy) => proxy.stall('replies'),
    mend: (proxy) => proxy.resume(),
    codes: SILENCE_CODES,
    lastsMs: SILENCE_MS,
  },
  {
    name: 'the other side gone without a word (half-open)',
    strike: (proxy) => proxy.halfOpen(),
    mend: (proxy) => proxy.resume(),
    codes: SILENCE_CODES,
    lastsMs: SILENCE_MS,
  },
  {
    name: 'slow: every reply 300 ms late',
    strike: (proxy) => proxy.delay(SLOW_MS),
    mend: (proxy) => proxy.resume(),
    codes: [],
  },
  {
    name: 'random bytes instead of a reply',
    // More than once: the first may meet a connection that only listens, and no call would know.
    strike: (proxy) => {
      for (let i = 0; i < 4; i += 1) proxy.garbage('\r\n!garbage\r\n')
    },
    mend: () => undefined,
    codes: CUT_CODES,
  },
]

describe('a network under load', () => {
  let server: RedisServer
  let proxy: FaultProxy

  beforeEach(async () => {
    server = await startRedis()
    proxy = await startFaultProxy(server)
  })

  afterEach(async () => {
    stopCutting()
    await proxy?.stop()
    await server?.stop()
  })

  it.each(named(FAULTS))('%s', async (_, { strike, mend, ...fault }) => {
    await endure({
      ...fault,
      load: { database: { host: proxy.host, port: proxy.port } },
      strike: async () => strike(proxy),
      mend: async () => mend(proxy),
    })
  })

  it('the name of the host gone from the DNS', async () => {
    const setName = (load: Load, address: string | null) => load.all('setName', NAME, address)
    await endure({
      name: 'the name of the host gone from the DNS',
      load: {
        database: { host: NAME, port: proxy.port },
        prepare: (process) => process.call('setName', NAME, proxy.host),
      },
      async strike(load) {
        await setName(load, null)
        proxy.cut()
      },
      mend: (load) => setName(load, proxy.host),
      codes: ['HOST_NOT_FOUND', 'OUTCOME_UNKNOWN'],
    })
  })
})

describe('TLS under load', () => {
  let server: RedisServer

  afterEach(() => server?.stop())

  it('the certificate of the server expired', async () => {
    const { ca, server: good, expired } = await certificates()
    const directory = makeDirectory()
    const files = { cert: join(directory, 'own.crt'), key: join(directory, 'own.key') }
    const place = (certificate: typeof good) => {
      copyFileSync(certificate.certFile, files.cert)
      copyFileSync(certificate.keyFile, files.key)
    }
    place(good)
    server = await startRedis({
      tls: true,
      config: { 'tls-cert-file': files.cert, 'tls-key-file': files.key },
    })
    const show = async (certificate: typeof good) => {
      place(certificate)
      // Redis reads both files again, also for the name that it has.
      await server.cli('CONFIG', 'SET', 'tls-cert-file', files.cert)
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    }
    await endure({
      name: 'the certificate of the server expired',
      load: { database: { host: server.host, port: server.port, tls: { ca: ca.cert } } },
      strike: () => show(expired),
      mend: () => show(good),
      codes: ['TLS_FAILED', 'OUTCOME_UNKNOWN', 'CONNECTION_LOST'],
    })
  })
})
