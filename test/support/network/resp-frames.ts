// How long one frame of the Redis protocol (RESP2 and RESP3) is; its values are looked at for commands only.

const CRLF = '\r\n'

/** The offset behind the frame that begins at `start`, or -1 while part of it has not come yet. */
export function frameEnd(bytes: Buffer, start: number): number {
  const lineEnd = bytes.indexOf(CRLF, start)
  if (lineEnd === -1) return -1
  const next = lineEnd + 2
  const length = () => Number(bytes.toString('latin1', start + 1, lineEnd))
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '$':
    case '=':
    case '!': {
      const end = length() < 0 ? next : next + length() + 2
      return end > bytes.length ? -1 : end
    }
    case '*':
    case '~':
    case '>':
      return framesEnd(bytes, next, length())
    case '%':
      return framesEnd(bytes, next, length() * 2)
    case '|':
      return framesEnd(bytes, next, length() * 2 + 1)
    default:
      return next
  }
}

function framesEnd(bytes: Buffer, start: number, count: number): number {
  let end = start
  for (let i = 0; i < count && end !== -1; i++) end = frameEnd(bytes, end)
  return end
}

/** A command's name and arguments, from its complete frame. */
export function commandOf(frame: Buffer): string[] {
  if (frame[0] !== 0x2a) return frame.toString().trim().split(/\s+/)
  const words: string[] = []
  let at = frame.indexOf(CRLF) + 2
  while (at < frame.length) {
    const lineEnd = frame.indexOf(CRLF, at)
    const length = Number(frame.toString('latin1', at + 1, lineEnd))
    words.push(frame.toString('utf8', lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
  return words
}

export function isSubscription(command: string[]): boolean {
  return command[0]?.toLowerCase().endsWith('subscribe') ?? false
}

/** How many replies a command gets: one for each channel when it subscribes. */
export function replyCount(command: string[]): number {
  return isSubscription(command) ? Math.max(command.length - 1, 1) : 1
}

/** Whether a frame answers no command: a published message, or the notice that a key has changed. */
export function isPush(frame: Buffer, subscribed: boolean): boolean {
  const kind = frame.toString('latin1', 0, 32).split(CRLF)[2] ?? ''
  if (frame[0] === 0x3e) return !kind.endsWith('subscribe')
  return subscribed && frame[0] === 0x2a && /^[ps]?message$/.test(kind)
}
