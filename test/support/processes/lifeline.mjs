// Outlives the test process by a moment: when its standard input ends, which it does however that process dies, every
// process still held is killed and every directory still held is removed.
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

const pids = new Set()
const directories = new Set()

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const { hold, pid, directory } = JSON.parse(line)
  if (pid !== undefined) pids[hold ? 'add' : 'delete'](pid)
  if (directory !== undefined) directories[hold ? 'add' : 'delete'](directory)
})
lines.on('close', () => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
  for (const directory of directories) {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }
})
