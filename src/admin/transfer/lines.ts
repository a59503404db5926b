import { MAX_LINE_BYTES } from './format.js'

const LINE_FEED = 0x0a

/** The lines of each chunk, without their ends. Undefined stands for one that is too long to be held in memory. */
export async function* linesOf(
  chunks: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<(Buffer | undefined)[], void, undefined> {
  let begun: Buffer[] = []
  let bytes = 0
  const add = (part: Buffer): void => {
    bytes += part.length
    if (bytes > MAX_LINE_BYTES) begun = []
    else if (part.length > 0) begun.push(part)
  }
  const take = (): Buffer | undefined => {
    const line = bytes > MAX_LINE_BYTES ? undefined : Buffer.concat(begun)
    begun = []
    bytes = 0
    return line
  }
  for await (const given of chunks) {
    const chunk = bytesOf(given)
    const lines: (Buffer | undefined)[] = []
    let from = 0
    for (let to = chunk.indexOf(LINE_FEED); to >= 0; to = chunk.indexOf(LINE_FEED, from)) {
      add(chunk.subarray(from, to))
      lines.push(take())
      from = to + 1
    }
    add(chunk.subarray(from))
    yield lines
  }
  if (bytes > 0) yield [take()]
}

function bytesOf(chunk: string | Uint8Array): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk)
  if (ArrayBuffer.isView(chunk))
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  throw new TypeError(
    'source must give strings or Uint8Arrays: a stream of the file, or what exportRecords gives',
  )
}
