import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { cleanUpLater } from './cleanup.mjs'
import { colourEnv } from './terminal.mjs'

export const root = fileURLToPath(new URL('..', import.meta.url))

const running = new Set()

cleanUpLater(() => {
  for (const child of running) child.kill('SIGTERM')
})

/**
 * Runs a command to its end and gives its exit code and everything it printed. `onMessage` receives each line that
 * it writes to its file descriptor 3.
 */
export function run(file, args, { cwd = root, env = {}, onMessage } = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...colourEnv, ...env },
      stdio: ['ignore', 'pipe', 'pipe', onMessage ? 'pipe' : 'ignore'],
    })
    running.add(child)
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    if (onMessage) createInterface({ input: child.stdio[3] }).on('line', onMessage)
    child.on('error', (error) => chunks.push(Buffer.from(`${file}: ${error.message}\n`)))
    child.on('close', (code) => {
      running.delete(child)
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() })
    })
  })
}

/** The path of a program on PATH, or undefined. */
export function findProgram(name) {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this directory.
    }
  }
  return undefined
}
