import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SCRIPT = join(__dirname, 'lifeline.mjs')

/** What every temporary directory of the tests begins with; the owner's process id follows. */
export const DIRECTORY_PREFIX = 'atxp-redis-test-'

/**
 * What the tests start must end with them, also when the test process is killed and can clean up nothing. A process
 * of its own therefore holds the ids of what runs, and notices by the end of a pipe that the test process is gone.
 */
let keeper: ChildProcess | undefined

interface Held {
  pid?: number
  directory?: string
}

function tell(message: Held & { hold: boolean }): void {
  if (keeper === undefined) {
    // Detached, so that Ctrl-C in a terminal does not end it before it has done its work.
    keeper = spawn(process.execPath, [SCRIPT], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    keeper.unref()
    const pipe = keeper.stdin as Socket
    pipe.unref()
  }
  keeper.stdin?.write(`${JSON.stringify(message)}\n`)
}

/** Sees to it that a process ends with this one. */
export function holdProcess(pid: number): void {
  tell({ hold: true, pid })
}

/** Says that a process has ended, before its id can be another's. */
export function releaseProcess(pid: number): void {
  tell({ hold: false, pid })
}

/** A new temporary directory that goes with this process, or earlier by `removeDirectory`. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), `${DIRECTORY_PREFIX}${process.pid}-`))
  tell({ hold: true, directory })
  return directory
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  tell({ hold: false, directory })
}
