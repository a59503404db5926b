import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { type Redis, SentinelConnector } from 'ioredis'
import { withServerName } from '../../address/server-name.js'
import { Packets } from './packets.js'

interface SentinelSteps {
  options: { tls?: ConnectionOptions; sentinelTLS?: ConnectionOptions; family?: 0 | 4 | 6 }
  /** Makes a client of one Sentinel. */
  connectToSentinel(address: { host: string }, options?: object): Redis
  /** Asks one Sentinel where the master is. Node connects with the result; ioredis assigns the options for TLS over it. */
  resolve(address: object): Promise<{ host: string } | null>
  /** Connects to the master. */
  connect(tell: unknown): Promise<Socket>
  /** The Sentinels to ask, in turn. `add` takes one that another has named, unless it is known. */
  sentinelIterator: { add(sentinel: object): boolean }
}

/** How many Sentinels others may name, besides those of the options. ioredis compares each with all, asks them all, and forgets none. */
const MAX_LEARNED = 100

/**
 * ioredis' own connector for Sentinel, but each Sentinel and the master get their own name for TLS, the master also the IP version;
 * Sentinels cannot name others without end; and the master's socket reads into {@link Packets}.
 */
export class NamingSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0])
    const steps = this as unknown as SentinelSteps
    const { connectToSentinel, resolve, connect } = steps
    const { sentinelIterator } = steps
    const add = sentinelIterator.add.bind(sentinelIterator)
    let learned = 0
    let packets: Packets
    sentinelIterator.add = (sentinel) => {
      const isNew = learned < MAX_LEARNED && add(sentinel)
      if (isNew) learned += 1
      return isNew
    }
    steps.connectToSentinel = (address, others) => {
      const { sentinelTLS } = steps.options
      const tls = sentinelTLS && { tls: withServerName(sentinelTLS, address.host) }
      return connectToSentinel.call(this, address, { ...others, ...tls })
    }
    steps.resolve = async (address) => {
      const master = await resolve.call(this, address)
      if (master === null) return null
      const { tls, family } = steps.options
      const named = tls && { servername: withServerName(tls, master.host).servername }
      packets = new Packets()
      return { ...master, ...named, family, onread: packets.onread }
    }
    steps.connect = async (tell) => {
      const socket = await connect.call(this, tell)
      return packets.attach(socket)
    }
  }
}
