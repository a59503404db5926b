/** What a command is given. */
export type Argument = string | Buffer | number

/**
 * A command as Redis takes it, a RESP array of bulk strings: text, to be written as UTF-8, unless an argument is binary.
 * ioredis makes the same bytes, but of binary arguments in twice the time.
 */
export function frameOf(name: string, args: readonly Argument[]): string | Buffer {
  let text = `*${args.length + 1}\r\n$${name.length}\r\n${name}\r\n`
  const pieces: Buffer[] = []
  for (const arg of args) {
    if (typeof arg === 'object') {
      pieces.push(Buffer.from(`${text}$${arg.length}\r\n`), arg)
      text = '\r\n'
    } else {
      const word = String(arg)
      text += `$${Buffer.byteLength(word)}\r\n${word}\r\n`
    }
  }
  if (pieces.length === 0) return text
  pieces.push(Buffer.from(text))
  return Buffer.concat(pieces)
}
