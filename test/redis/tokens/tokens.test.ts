import { Redis } from 'ioredis'
import { startRedis } from '../../support/servers/redis-server.js'
import { TOPOLOGIES, type Topology } from '../../support/servers/topologies.js'
import { describeTokenContract } from '../../support/tokens/token-contract.js'

const borrowedRedis: Topology = {
  name: 'a borrowed Redis',
  async start() {
    const server = await startRedis()
    const client = new Redis({ host: server.host, port: server.port })
    return {
      options: { client },
      cli: (command, ...args) => server.cli(command, ...args),
      keys: (pattern) => server.cli('KEYS', pattern),
      async stop() {
        client.disconnect()
        await server.stop()
      },
    }
  },
}

for (const topology of [...TOPOLOGIES, borrowedRedis]) describeTokenContract(topology)
