import { afterAll, beforeAll, expect, it } from 'vitest'
import { openDatabase } from '../../support/scene.js'
import { type ClusterServers, startCluster } from '../../support/servers/cluster.js'

const KEYS = Array.from({ length: 30 }, (_, i) => `key_${i}`)
const CUTS = 5

let servers: ClusterServers

beforeAll(async () => {
  servers = await startCluster()
})

afterAll(() => servers?.stop())

// A replica has what its master had a moment ago.
it('no replica answers a read, though the connections to all masters are cut', async () => {
  const db = openDatabase({
    cluster: { nodes: servers.nodes.map(({ host, port }) => ({ host, port })) },
  })
  await Promise.all(KEYS.map((key) => db.storeToken(key, key)))
  const masters = await servers.masters()
  const replicas = (await Promise.all(masters.map((each) => servers.replicasOf(each)))).flat()
  expect(replicas).toHaveLength(masters.length)
  for (let cut = 0; cut < CUTS; cut += 1) {
    await Promise.all(
      masters.map((each) => each.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')),
    )
    // Each answer is one more turn of the event loop, in which the client sees that its connections are gone.
    for (let turn = 0; turn < 3; turn += 1) await masters[0]?.cli('PING')
    expect(await Promise.all(KEYS.map((key) => db.getToken(key)))).toEqual(KEYS)
  }
  for (const replica of replicas) {
    const stats = await replica.cli<string>('INFO', 'commandstats')
    expect(stats).not.toMatch(/^cmdstat_m?get:calls=[^0]/m)
  }
})
