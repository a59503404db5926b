import { spawn } from 'node:child_process'
import { createConnection, createServer } from 'node:net'
import { cleanUpLater, temporaryFolder } from './cleanup.mjs'

const READY_WITHIN_MS = 10_000
const POLL_MS = 10

/** A Redis of our own on a free loopback port, that keeps nothing. It ends with the script. */
export async function startPrivateRedis(server) {
  const directory = await temporaryFolder()
  const port = await freePort()
  const options = { port, bind: '127.0.0.1', dir: directory, save: '', appendonly: 'no' }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(server, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.on('error', (error) => {
    output += error.message
  })
  cleanUpLater(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const deadline = Date.now() + READY_WITHIN_MS
  while (!(await answersPing(port))) {
    if (child.exitCode !== null || child.pid === undefined || Date.now() > deadline) {
      throw new Error(`${server} did not start on port ${port}:\n${output}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return { url: `redis://127.0.0.1:${port}`, port, pid: child.pid }
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

function answersPing(port) {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', (reply) => {
      resolve(reply.toString().startsWith('+PONG'))
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}
