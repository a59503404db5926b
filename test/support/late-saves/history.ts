export type OwnKind = 'save' | 'delete' | 'deleteAll'
export type PeerKind = 'peer saves' | 'peer deletes' | 'expires'

/** A call of the process, or what a peer or time did at once. Times are steps of the run. */
export interface Call {
  readonly kind: OwnKind | PeerKind
  readonly name: string
  readonly calledAt: number
  endedAt: number
  isResolved: boolean
}

/** A deletion that Redis ran. A call of `deleteAll` sends it after others have been called, so then it is nobody's. */
export interface RanDeletion {
  readonly by: Call | undefined
  readonly at: number
}

/**
 * What must not be, undefined if all is well, where the record of the call with this name stands in the end:
 * - A save that resolved stands, unless a later call, or a peer, replaced or deleted it.
 * - A deletion that resolved has left nothing of an earlier call.
 */
export function violationOf(
  calls: readonly Call[],
  ran: readonly RanDeletion[],
  standing: string | null,
): string | undefined {
  const stands = calls.find(({ name }) => name === standing)
  for (const call of calls) {
    if (call.endedAt === Number.POSITIVE_INFINITY) return `${call.name} never ends`
    if (!call.isResolved) continue
    if (stands === undefined) {
      if (!isDeletion(call) && !isDeleted(call, calls, ran)) return `${call.name} is lost`
    } else if (isBefore(stands, call)) {
      return `${stands.name} stands in spite of ${call.name}`
    }
  }
  return undefined
}

/** Whether a deletion that may count as later has been done, whatever its call was told. */
function isDeleted(save: Call, calls: readonly Call[], ran: readonly RanDeletion[]): boolean {
  return (
    calls.some((call) => isDeletion(call) && call.isResolved && !isBefore(call, save)) ||
    ran.some(({ by, at }) => (by === undefined ? at > save.calledAt : !isBefore(by, save)))
  )
}

/** Whether one has to count as done before the other: calls of the process in their order, else those that do not overlap. */
function isBefore(one: Call, other: Call): boolean {
  // What is saved while it looks, it may delete.
  const isOrdered = isOwn(one) && isOwn(other) && one.kind !== 'deleteAll'
  return (isOrdered ? one.calledAt : one.endedAt) < other.calledAt
}

function isOwn({ kind }: Call): boolean {
  return kind === 'save' || kind === 'delete' || kind === 'deleteAll'
}

function isDeletion({ kind }: Call): boolean {
  return kind !== 'save' && kind !== 'peer saves'
}
