import { DEFAULTS } from '../leaves/defaults.js'
import type { Channels } from './connect.js'
import type { Node } from './connection/link.js'
import type { Argument } from './protocol/frame.js'
import { bytes, integer, orNil, pong, type Reader } from './protocol/replies.js'
import { TRY_OUT } from './scripts.js'

/** What the trial leaves, if it is stopped half way, is gone so soon. */
const TRIED_OUT_MS = 1_000

/** What `ready` is to find out. */
export interface ReadyOptions {
  /**
   * Whether to write as well: a replica, a full memory, a full disk and missing rights are found by writing only. What is written is
   * removed at once.
   * @defaultValue `false`
   * @example
   * ```ts
   * await db.ready({ write: true })
   * ```
   */
  readonly write?: boolean | undefined
}

/** @throws TypeError that says what they take */
export function checkReadyOptions(options: unknown): void {
  const { write, ...others } = Object(options) as Readonly<Record<string, unknown>>
  const isFlag = write === undefined || typeof write === 'boolean'
  if (typeof options !== 'object' || options === null || !isFlag || Object.keys(others).length > 0)
    throw new TypeError('options must be { write }, which is true or false')
}

/**
 * Resolves if every master answers a read, or a write, of the key that begins with `marker`, and all within the time of one command, also
 * before there is a connection.
 */
export async function ready(
  { connection, keyAt }: Channels,
  marker: string,
  { write = DEFAULTS.ready.write }: ReadyOptions,
): Promise<void> {
  const endsAt = performance.now() + connection.commandTimeout
  const ask = <T>(name: string, args: Argument[], read: Reader<T>, node?: Node): Promise<T> =>
    // Nothing of it is worth keeping: lost, it may be sent again, and is never in doubt.
    connection.until(endsAt, connection.start('read', name, args, read, node))
  // A Cluster knows its masters once it is connected.
  if (connection.masters().length === 0) await ask('ping', [], pong)
  // And its client those of then, without any whose connection has ended since.
  const { nodes } = await connection.layout(endsAt - performance.now())
  await Promise.all(
    nodes.map((node) => {
      const key = node === undefined ? marker : keyAt(node, marker)
      return write
        ? ask('eval', [TRY_OUT, 1, key, Date.now() + TRIED_OUT_MS], integer, node)
        : ask('get', [key], orNil(bytes), node)
    }),
  )
}
