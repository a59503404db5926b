import { open } from 'node:fs/promises'
import { UsageError } from './arguments.js'

/**
 * Writes text to a new file that only its owner can read.
 * @throws UsageError if there is such a file, or it cannot be made
 */
export async function writeNewFile(
  file: string,
  pieces: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EEXIST' ? 'exists already' : `cannot be written (${error.code})`
    throw new UsageError(`--out ${file} ${why}`)
  })
  try {
    for await (const piece of pieces) await handle.write(piece)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
