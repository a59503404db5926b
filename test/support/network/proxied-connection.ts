import type { Socket } from 'node:net'
import { Lane, type LaneConditions } from './lane.js'
import { commandOf, frameEnd, isPush, isSubscription, replyCount } from './resp-frames.js'

/** Which commands a fault strikes: those of a name, or those for which the function answers `true`. */
export type CommandMatch = string | ((command: string[]) => boolean)

/** A fault that waits for its commands. */
export interface LostCommands {
  /** The commands that it has struck. */
  readonly commands: string[][]
  /** Strikes no more. */
  cancel(): void
}

/** What happens at present to the connections of a proxy. */
export interface ProxyConditions {
  requests: LaneConditions
  replies: LaneConditions
  /** Bytes vanish, the ends of streams too. */
  swallow: boolean
  /** Stands in front of the next reply. */
  garbage: Buffer[]
  /** The fault that is to strike a command. */
  faultFor(command: string[]): CommandFault | undefined
}

export interface CommandFault {
  lose: 'request' | 'reply'
  commands: string[][]
}

interface AwaitedReply {
  command: string[]
  fault: CommandFault | undefined
}

/**
 * One client's connection through the proxy. It follows the protocol, so that it knows which reply answers which
 * command; what is not Redis' protocol in the clear (TLS) goes through as it is.
 */
export class ProxiedConnection {
  #client: Socket
  #server: Socket
  #conditions: ProxyConditions
  #requests: Lane
  #replies: Lane
  #unread = { requests: Buffer.alloc(0), replies: Buffer.alloc(0) }
  #awaited: AwaitedReply[] = []
  #opaque: boolean | undefined
  /** A command whose reply will be lost is with the server, and nothing may follow it. */
  #last = false
  #subscribed = false
  /** It was reset, or has lost bytes while half-open: nothing will ever pass again. */
  #dead = false

  constructor(client: Socket, server: Socket, conditions: ProxyConditions) {
    this.#client = client
    this.#server = server
    this.#conditions = conditions
    this.#requests = new Lane(server, conditions.requests)
    this.#replies = new Lane(client, conditions.replies)
    this.#join(client, this.#requests, (bytes) => this.#onRequests(bytes))
    this.#join(server, this.#replies, (bytes) => this.#onReplies(bytes))
  }

  #join(from: Socket, lane: Lane, onData: (bytes: Buffer) => void): void {
    from.setNoDelay(true)
    from.on('data', (bytes: Buffer) => {
      if (!this.#isDead()) onData(bytes)
    })
    const end = () => {
      if (!this.#isDead()) lane.end()
    }
    from.on('end', end)
    from.on('close', end)
    // The close that follows says all.
    from.on('error', () => undefined)
  }

  get open(): boolean {
    return !this.#client.destroyed && !this.#client.readableEnded
  }

  flush(): void {
    this.#requests.flush()
    this.#replies.flush()
  }

  /** Ends both sides, the client's by a TCP reset. What was held goes with them. */
  reset(): void {
    this.#dead = true
    // Node 18.3 and later; the types are of Node 16.
    const client = this.#client as Socket & { resetAndDestroy(): void }
    client.resetAndDestroy()
    this.#server.destroy()
  }

  #isDead(): boolean {
    if (this.#conditions.swallow) this.#dead = true
    return this.#dead
  }

  #onRequests(bytes: Buffer): void {
    this.#opaque ??= bytes[0] !== 0x2a
    if (this.#opaque) {
      this.#requests.write(bytes)
      return
    }
    if (this.#last) return
    const unread = Buffer.concat([this.#unread.requests, bytes])
    let start = 0
    for (let end = frameEnd(unread, 0); end !== -1; end = frameEnd(unread, end)) {
      const command = commandOf(unread.subarray(start, end))
      const fault = this.#conditions.faultFor(command)
      if (fault?.lose === 'request') {
        fault.commands.push(command)
        this.reset()
        return
      }
      this.#requests.write(unread.subarray(start, end))
      start = end
      for (let i = replyCount(command); i > 0; i--) this.#awaited.push({ command, fault })
      this.#subscribed ||= isSubscription(command)
      this.#last = fault !== undefined
      if (this.#last) return
    }
    this.#unread.requests = unread.subarray(start)
  }

  #onReplies(bytes: Buffer): void {
    if (this.#opaque) {
      this.#replies.write(Buffer.concat([...this.#conditions.garbage.splice(0), bytes]))
      return
    }
    const unread = Buffer.concat([this.#unread.replies, bytes])
    let start = 0
    for (let end = frameEnd(unread, 0); end !== -1; end = frameEnd(unread, end)) {
      const frame = unread.subarray(start, end)
      const answered = isPush(frame, this.#subscribed) ? undefined : this.#awaited.shift()
      if (answered?.fault !== undefined) {
        answered.fault.commands.push(answered.command)
        this.reset()
        return
      }
      for (const garbage of this.#conditions.garbage.splice(0)) this.#replies.write(garbage)
      this.#replies.write(frame)
      start = end
    }
    this.#unread.replies = unread.subarray(start)
  }
}
