import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Composition } from '../../database/composition.js'
import { within } from '../../leaves/clock.js'
import { withServerName } from '../../redis/address/server-name.js'
import { nameOfAddress } from '../../redis/address/topology.js'
import { advice, type Finding, ok } from './finding.js'

/** Asks every Sentinel by itself: while one of them answers, nobody else misses the others. */
export async function sentinelFindings({ sentinels, connection }: Composition): Promise<Finding[]> {
  if (sentinels === undefined) return []
  const { nodes, tls } = sentinels
  const silent: string[] = []
  await Promise.all(
    nodes.map(async (node) => {
      const open = (): Socket =>
        tls === undefined
          ? connectTcp(node)
          : connectTls({ ...withServerName(tls, node.host), ...node })
      if (!(await answers(open, connection.commandTimeout))) silent.push(nameOfAddress(node))
    }),
  )
  if (silent.length === 0) return [ok(`all ${nodes.length} Sentinel(s) answer`)]
  return [
    advice(
      'SENTINEL_DOWN',
      `${silent.length} of ${nodes.length} Sentinel(s) do not answer: ${silent.sort().join(', ')}`,
      'Check them: without a majority there is no failover',
    ),
  ]
}

/** Whether anything comes back, be it that a password is missing. */
async function answers(open: () => Socket, timeoutMs: number): Promise<boolean> {
  const socket = open()
  const answer = new Promise<boolean>((resolve) => {
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
    socket.once('data', () => resolve(true))
    socket.write('PING\r\n')
  })
  try {
    return await within(timeoutMs, answer)
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
