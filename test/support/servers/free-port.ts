import { createServer } from 'node:net'

// Below the range from which systems take the ports of outgoing connections (32768 up on Linux), so that a server
// that restarts finds its port still free, and low enough for a Cluster bus at port + 10000.
const LOWEST = 10_000
const HIGHEST = 21_999
const CLUSTER_BUS_OFFSET = 10_000

/** A port of 127.0.0.1 on which nothing listens now, nor on its Cluster bus port. Another may still come first. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1))
    if ((await isFree(port)) && (await isFree(port + CLUSTER_BUS_OFFSET))) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
