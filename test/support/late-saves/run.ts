import { RedisOAuthDatabaseError } from '../../../src/leaves/errors.js'
import { KeySpace } from '../../../src/record/keys.js'
import { DeletionTally } from '../../../src/redis/deletion-tally.js'
import type { IndexCommands } from '../../../src/redis/index-commands.js'
import { IndexedRecords } from '../../../src/store/vault/indexed-records.js'
import { type Call, type OwnKind, type PeerKind, type RanDeletion, violationOf } from './history.js'
import type { Choose } from './ways.js'

const PEER_KINDS: readonly PeerKind[] = ['peer saves', 'peer deletes', 'expires']
const FAILURES = ['refused', 'lost'] as const

/** `refused`: Redis did nothing. `lost`: it ran the command, and its reply was lost. */
type Fate = 'done' | (typeof FAILURES)[number]

const EXPIRY = { ttlMs: 60_000 }
const keys = new KeySpace('test:')
const key = keys.of('access', 'ann', 'https://server.example/mcp')
const { field } = keys.entryOf(key)
const OTHER = keys.entryOf(keys.of('access', 'ann', 'https://other.example/mcp')).field

/** The entries of the user where a record that the process has saved is gone. */
export const STARTS: ReadonlyArray<readonly [name: string, entries: readonly string[]]> = [
  ['a peer deleted the record', []],
  ['a peer deleted the record and not another', [OTHER]],
  ['the record expired', [field]],
]

/** What happens in a run, at most. */
export interface Scope {
  readonly calls: readonly OwnKind[]
  readonly failures: number
  readonly peerActs: number
}

/** Of a scope, what may still happen. */
interface Left {
  readonly calls: OwnKind[]
  failures: number
  peerActs: number
}

/** A command that was sent and has no reply. */
interface Command {
  readonly by: Call | undefined
  readonly isDeletion: boolean
  /** Lets Redis run it. What it returns delivers the reply. */
  run(): () => void
  fail(error: Error): void
}

/**
 * One process' calls to `IndexedRecords` over one connection, where a record that it has saved is gone. Redis runs commands in the order
 * in which they were sent. When calls, replies, failures and acts of a peer come is chosen.
 */
export class Run {
  readonly #choose: Choose
  readonly #records: IndexedRecords
  readonly #calls: Call[] = []
  readonly #wire: Command[] = []
  readonly #ran: RanDeletion[] = []
  #calling: Call | undefined
  #standing: string | null = null
  #entries = new Set<string>()
  #steps: string[] = []

  constructor(choose: Choose) {
    this.#choose = choose
    this.#records = new IndexedRecords(keys, this.#commands() as IndexCommands, 0)
  }

  /** What went wrong, and how; undefined if nothing did. */
  async go(entries: readonly string[], scope: Scope): Promise<string | undefined> {
    const remembered = this.#records.set(key, 'remembered', EXPIRY)
    this.#serve('done')
    await remembered
    this.#standing = null
    this.#entries = new Set(entries)
    this.#steps = []
    await this.#act({ ...scope, calls: [...scope.calls] })
    const isEntered = this.#standing === null || this.#entries.has(field)
    const violation = isEntered
      ? violationOf(this.#calls, this.#ran, this.#standing)
      : 'a record stands without its entry'
    return violation && `${violation}: ${this.#steps.join(', ')}`
  }

  async #act(left: Left): Promise<void> {
    for (;;) {
      const ways = this.#ways(left)
      if (ways.length === 0) return
      await ways[this.#choose(ways.length)]?.()
    }
  }

  /** What may happen next. */
  #ways(left: Left): (() => void | Promise<void>)[] {
    const call = (): void => {
      const kind = left.calls.shift()
      if (kind !== undefined) this.#call(kind)
    }
    const toCall = left.calls.length > 0 ? [call] : []
    if (this.#wire.length === 0) return toCall
    const serve = (fate: Fate): Promise<void> => {
      this.#serve(fate)
      // A call may come between a reply and what follows from it.
      if (left.calls.length > 0 && this.#choose(2) === 1) call()
      return settled()
    }
    const fail = (fate: Fate) => () => {
      left.failures -= 1
      return serve(fate)
    }
    const act = (kind: PeerKind) => () => {
      left.peerActs -= 1
      this.#peer(kind)
    }
    return [
      ...toCall,
      () => serve('done'),
      ...(left.failures > 0 ? FAILURES.map(fail) : []),
      ...(left.peerActs > 0 ? PEER_KINDS.map(act) : []),
    ]
  }

  #step(text: string): number {
    return this.#steps.push(text)
  }

  #call(kind: OwnKind): void {
    const name = `${kind} ${this.#calls.length + 1}`
    const calledAt = this.#step(`${name} is called`)
    const endedAt = Number.POSITIVE_INFINITY
    const call: Call = { kind, name, calledAt, endedAt, isResolved: false }
    this.#calls.push(call)
    const end = (isResolved: boolean): void => {
      call.isResolved = isResolved
      call.endedAt = this.#step(`${name} ${isResolved ? 'resolves' : 'rejects'}`)
    }
    this.#calling = call
    this.#start(call).then(
      () => end(true),
      () => end(false),
    )
    this.#calling = undefined
  }

  async #start({ kind, name }: Call): Promise<unknown> {
    if (kind === 'save') return this.#records.set(key, name, EXPIRY)
    if (kind === 'delete') return this.#records.delete(key)
    const tally = new DeletionTally()
    await this.#records.deleteAll('ann', tally)
    return tally.outcome()
  }

  #peer(kind: PeerKind): void {
    const at = this.#step(kind)
    this.#calls.push({ kind, name: kind, calledAt: at, endedAt: at, isResolved: true })
    if (kind === 'peer saves') this.#entries.add(field)
    if (kind === 'peer deletes') this.#entries.delete(field)
    this.#standing = kind === 'peer saves' ? kind : null
  }

  #serve(fate: Fate): void {
    const command = this.#wire.shift()
    if (command === undefined) return
    const { by, isDeletion } = command
    const at = this.#step(`a command of ${by?.name ?? 'an earlier call'} is ${fate}`)
    const deliver = fate === 'refused' ? undefined : command.run()
    if (isDeletion && fate !== 'refused') this.#ran.push({ by, at })
    if (fate === 'done') deliver?.()
    else command.fail(FAILED[fate])
  }

  #send<R, T = R>(
    run: () => R,
    {
      isDeletion = false,
      read,
    }: { isDeletion?: boolean; read?: (reply: R) => T | Promise<T> } = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#wire.push({
        by: this.#calling,
        isDeletion,
        run: () => {
          const reply = run()
          return () => resolve(read === undefined ? (reply as unknown as T) : read(reply))
        },
        fail: reject,
      })
    })
  }

  #commands(): Pick<IndexCommands, 'set' | 'setExisting' | 'entries' | 'delete'> {
    return {
      set: (_key, _entry, value, _expiry, _life, mode = 'always') =>
        this.#send(() => {
          if (mode === 'absent' && this.#standing !== null) return false
          this.#entries.add(field)
          this.#standing = String(value)
          return true
        }),
      setExisting: (_key, value, _expiry, read) =>
        this.#send(
          () => {
            if (this.#standing === null) return null
            this.#standing = String(value)
            return 'OK'
          },
          { read },
        ),
      entries: () => this.#send(() => new Map([...this.#entries].map((name) => [name, '1']))),
      delete: (_index, deleted) =>
        this.#send<[number, number]>(
          () => {
            const removed = this.#standing === null ? 0 : 1
            for (const one of deleted) {
              this.#entries.delete(one.field)
              if (one.field === field) this.#standing = null
            }
            return [removed, this.#entries.size]
          },
          { isDeletion: true },
        ),
    }
  }
}

const FAILED = {
  refused: new RedisOAuthDatabaseError('READ_ONLY', 'refused'),
  lost: new RedisOAuthDatabaseError('OUTCOME_UNKNOWN', 'lost'),
}

/** What follows from a reply has followed: nothing here waits for more than promises. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
