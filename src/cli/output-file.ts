import { open } from 'node:fs/promises'
import { kindOf, UsageError } from './arguments.js'

/** The file was begun, and could not be written to its end. */
export class OutputError extends Error {}

/**
 * Writes text to a new file that only its owner can read.
 * @throws UsageError if there is such a file, or it cannot be made
 * @throws OutputError as when the disk is full
 */
export async function writeNewFile(
  file: string,
  pieces: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EEXIST' ? 'exists already' : `cannot be written (${error.code})`
    throw new UsageError(`--out ${file} ${why}`)
  })
  const fail = (error: unknown): never => {
    throw new OutputError(`--out ${file} is not whole (${kindOf(error)}). Delete it, and try again`)
  }
  try {
    // Not by `write`, which may write a part and say so.
    for await (const piece of pieces) await handle.writeFile(piece).catch(fail)
    await handle.sync().catch(fail)
  } finally {
    await handle.close()
  }
}
