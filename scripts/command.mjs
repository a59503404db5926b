import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { cleanUpLater, isStopping } from './cleanup.mjs'
import { colourEnv, isColoured } from './terminal.mjs'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** Few commands take this long; another one that does hangs. */
const ENDS_WITHIN_MS = 10 * 60_000
/** Some programs keep a cache in the user's home directory, unless they are told another place. */
const CACHES = { XDG_CACHE_HOME: join(root, '.cache') }

/**
 * Runs a command to its end and gives its exit code and everything it printed. `onMessage` receives each line that
 * it writes to its file descriptor 3. One that hangs is stopped, unless it `isLong`.
 */
export function run(file, args, { cwd = root, env = {}, onMessage, isLong = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...colourEnv, ...CACHES, ...env },
      stdio: ['ignore', 'pipe', 'pipe', onMessage ? 'pipe' : 'ignore'],
    })
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    if (onMessage) createInterface({ input: child.stdio[3] }).on('line', onMessage)
    child.on('error', (error) => chunks.push(Buffer.from(`${file}: ${error.message}\n`)))
    const stop = () => {
      chunks.push(Buffer.from(`\nstopped, since it did not end within ${ENDS_WITHIN_MS} ms\n`))
      child.kill('SIGTERM')
    }
    const timer = isLong ? undefined : setTimeout(stop, ENDS_WITHIN_MS)
    const closed = new Promise((end) => child.once('close', end))
    cleanUpLater(() => {
      if (!child.kill('SIGTERM')) return undefined
      // What it wrote is removed next.
      return closed
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      // Whoever waits for it would go on with the next one.
      if (isStopping()) return
      const output = Buffer.concat(chunks).toString()
      // Some programs colour their output whatever NO_COLOR says.
      resolve({ code: code ?? 1, output: isColoured ? output : stripVTControlCharacters(output) })
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
