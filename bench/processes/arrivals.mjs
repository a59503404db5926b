// A server that answers each request by one read: requests come when they come, each on a socket of its own. It speaks as
// much of Redis' protocol as redis-benchmark needs.
import { createServer } from 'node:net'
import { serve } from '../../test/support/processes/process-child.mjs'
import { openContender } from '../contenders/contenders.mjs'
import { makeRecords, stampOf } from '../load/records.mjs'

/** All that redis-benchmark asks for by itself, two things of the configuration. */
const SETTINGS = '*2\r\n$4\r\nsave\r\n$0\r\n\r\n'.repeat(2)
const REQUEST = /^\*2\r\n\$3\r\nGET\r\n\$\d+\r\n(\d+)\r\n$/

let store
let server
let cpu
let answered = 0

process.on('disconnect', () => process.exit())

serve({
  /** Gives the port that it listens on. */
  async open({ name, place, count }) {
    const records = makeRecords(count)
    store = await openContender(name, place, records)
    for (let index = 0; index < count; index += 1) await store.write(index, 0)
    server = createServer({ noDelay: true }, (socket) => {
      socket.on('data', (chunk) => answer(socket, chunk))
      // The load generator hangs up as it likes.
      socket.on('error', () => socket.destroy())
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    return server.address().port
  },

  begin() {
    answered = 0
    cpu = process.cpuUsage()
  },

  /** The CPU time of a request. */
  end() {
    const { user, system } = process.cpuUsage(cpu)
    return { cpuMicros: (user + system) / answered }
  },

  async close() {
    server.close()
    await store.close()
  },
})

function answer(socket, chunk) {
  const index = Number(REQUEST.exec(chunk.toString('latin1'))?.[1])
  if (Number.isNaN(index)) return socket.write(SETTINGS)
  answered += 1
  return Promise.resolve(store.read(index)).then(
    (read) => {
      const stamp = store.stampOf(read)
      const isRight = stamp === stampOf(index, 0)
      socket.write(isRight ? `:${stamp}\r\n` : '-ERR a wrong answer\r\n')
    },
    (error) => socket.write(`-ERR ${error.message}\r\n`),
  )
}
