import type { Redis } from 'ioredis'
import type { TrackedCommand } from '../driver/command.js'

/** One master of a Cluster; undefined is the one server that there is. */
export type Node = Redis | undefined

/** Where keys are at one moment. */
export interface Layout {
  /** Differs from that of another moment when keys may have moved in between. */
  readonly text: string
  /** Whether keys are on their way now. */
  readonly isMoving: boolean
  /** Every master. */
  readonly nodes: readonly Node[]
}

/** The layout that never changes. */
export const ONE_SERVER: Layout = { text: '', isMoving: false, nodes: [undefined] }

/** What carries commands to Redis: a client of ours, a borrowed one, or a Cluster. */
export interface Link {
  /** Sends the command now or later, in the order of the calls. */
  send(command: TrackedCommand, node: Node): void
  masters(): readonly Node[]
  /** Undefined when it cannot be had within `limitMs`: nobody serves a part of the slots. */
  layout(limitMs: number): Promise<Layout | undefined>
  /** When the library last reconnected, by `performance.now()`; `-Infinity`: never, or not known. */
  readonly reopenedAtMs: number
  /** Whether a command that ioredis gave up will be sent again. */
  keeps(command: TrackedCommand, error: unknown): boolean
  /** Told when a command got no answer in time, before it fails. Gives the reason where there is no connection. */
  stalled(command: TrackedCommand): unknown
  /** The driver's clients that are connected, or may be. */
  clients(): readonly Redis[]
  /** Which keys one command may name: those of the same number. */
  slotOf(key: string): number
  /** Holds back what is written to the sockets, until the function that it returns is called. */
  cork(): () => void
  /** Ends the connection if it is ours; resolves once its socket is closed. */
  close(): Promise<void>
}
