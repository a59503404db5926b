import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'

const pending = []
let cleaning
let isInterrupted = false

/** Has `undo` run when the script ends: by itself, by an error or by a signal. The last one given runs first. */
export function cleanUpLater(undo) {
  pending.push(undo)
}

/** A new folder for temporary files, which goes when the script ends. */
export async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'atxp-redis-'))
  cleanUpLater(() => rm(path, { recursive: true, force: true }))
  return path
}

/** Once for all who ask: a signal may come while the script is at its end. */
function cleanUp() {
  cleaning ??= undoAll()
  return cleaning
}

async function undoAll() {
  for (let undo = pending.pop(); undo !== undefined; undo = pending.pop()) {
    try {
      await undo()
    } catch (error) {
      process.exitCode = 1
      process.stderr.write(`could not clean up: ${error.message}\n`)
    }
  }
}

/** Whether a signal is ending the script: then nothing new is to begin. */
export function isStopping() {
  return isInterrupted
}

/** Runs the script's main function and then, however it ended, what it left to clean up. */
export async function runMain(main) {
  const stop = (exitCode) => {
    isInterrupted = true
    void cleanUp().then(() => process.exit(exitCode))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      process.stderr.write('\nstopping …\n')
      stop(128 + constants.signals[signal])
    })
  }
  // No one reads what we print any more, as behind `| head`.
  process.stdout.on('error', () => stop(1))
  try {
    await main()
  } catch (error) {
    process.exitCode = error.exitCode ?? 1
    // What fails after an interruption fails because of it.
    if (!isInterrupted) {
      process.stderr.write(`\n${error.isExpected ? error.message : error.stack}\n`)
    }
  } finally {
    await cleanUp()
  }
}

/** A failure that its message explains to a person; its stack would only be noise. */
export function expectedError(message) {
  return Object.assign(new Error(message), { isExpected: true })
}
