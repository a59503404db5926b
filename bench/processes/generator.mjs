// Sends requests at a fixed rate, whether or not the last ones were answered: arrivals do not wait for each other.
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { performance } from 'node:perf_hooks'
import { serve } from '../../test/support/processes/process-child.mjs'
import { percentile } from '../stats.mjs'

const TICK_MS = 1

process.on('disconnect', () => process.exit())

serve({
  /**
   * The latencies of all requests that came within `ms`, at random moments, `perSecond` on average.
   * A request goes out on a socket that is free, and waits for one if none is.
   */
  async run({ port, sockets: count, perSecond, ms, range }) {
    const sockets = await Promise.all(Array.from({ length: count }, () => connect(port)))
    const latencies = []
    const free = [...sockets]
    const waiting = []
    let failure
    const send = (socket, cameAt) => {
      socket.cameAt = cameAt
      socket.write(request(Math.floor(Math.random() * range)))
    }
    for (const socket of sockets) {
      socket.on('data', (chunk) => {
        if (chunk[0] !== 0x3a) failure ??= chunk.toString('latin1')
        latencies.push(performance.now() - socket.cameAt)
        const cameAt = waiting.shift()
        if (cameAt === undefined) free.push(socket)
        else send(socket, cameAt)
      })
    }
    const begin = performance.now()
    let due = begin + gapMs(perSecond)
    let sent = 0
    await new Promise((resolve) => {
      const timer = setInterval(() => {
        const now = performance.now()
        for (; due <= now && due < begin + ms; due += gapMs(perSecond)) {
          sent += 1
          const socket = free.pop()
          // Counted from now: that the timer is late is not the server's doing.
          if (socket === undefined) waiting.push(now)
          else send(socket, now)
        }
        if (now < begin + ms || latencies.length < sent) return
        clearInterval(timer)
        resolve()
      }, TICK_MS)
    })
    for (const socket of sockets) socket.destroy()
    if (failure !== undefined) throw new Error(`a wrong answer: ${failure}`)
    latencies.sort((one, other) => one - other)
    return {
      perSecond: (sent / ms) * 1000,
      p50Micros: percentile(latencies, 0.5) * 1000,
      p99Micros: percentile(latencies, 0.99) * 1000,
    }
  },
})

async function connect(port) {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}

function gapMs(perSecond) {
  return (-Math.log(1 - Math.random()) * 1000) / perSecond
}

function request(index) {
  const key = String(index)
  return `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`
}
