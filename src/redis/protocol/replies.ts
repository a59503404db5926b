import { SLOT_COUNT } from './slot.js'

// What Redis answers is input like any other: each reply is read by one of these, where it enters.

/** Makes of a reply what its command's caller needs. @throws WrongReply */
export type Reader<T> = (reply: unknown) => T

/** An answer of a type that the command never gives. Says which came and which was due, and nothing of its value. */
export class WrongReply extends Error {
  constructor(reply: unknown, due: string) {
    super(`${typeOf(reply)} came where ${due} was due`)
  }
}

export const bytes: Reader<Buffer> = (reply) => {
  if (Buffer.isBuffer(reply)) return reply
  // As clients of other versions than ours decode it.
  if (typeof reply === 'string') return Buffer.from(reply)
  throw new WrongReply(reply, 'a string')
}

export const text: Reader<string> = (reply) => {
  if (Buffer.isBuffer(reply)) return reply.toString()
  if (typeof reply === 'string') return reply
  throw new WrongReply(reply, 'a string')
}

/** A client with `stringNumbers` gives integers as text. */
export const integer: Reader<number> = (reply) => {
  if (typeof reply === 'number' && Number.isSafeInteger(reply)) return reply
  if (typeof reply === 'string' && /^-?\d{1,15}$/.test(reply)) return Number(reply)
  throw new WrongReply(reply, 'an integer')
}

/** What our scripts answer that do a thing or leave it: 1 or 0. */
export const done: Reader<boolean> = (reply) => {
  const count = integer(reply)
  if (count !== 0 && count !== 1) throw new WrongReply(reply, '0 or 1')
  return count === 1
}

export const ok: Reader<void> = (reply) => {
  if (!isOkOfBytes(reply) && reply !== 'OK') throw new WrongReply(reply, 'OK')
}

/** Most replies are this one, and to make a text of it costs more than all else that is done with it. */
function isOkOfBytes(reply: unknown): boolean {
  return Buffer.isBuffer(reply) && reply.length === 2 && reply[0] === 0x4f && reply[1] === 0x4b
}

/** What a conditional `SET` answers: nil is no. */
export const isOk: Reader<boolean> = (reply) => {
  if (reply === null) return false
  ok(reply)
  return true
}

export const pong: Reader<void> = (reply) => {
  if (text(reply) !== 'PONG') throw new WrongReply(reply, 'PONG')
}

export function orNil<T>(read: Reader<T>): Reader<T | null> {
  return (reply) => (reply === null ? null : read(reply))
}

/** A list, of exactly `length` elements where that is given. */
export function listOf<T>(read: Reader<T>, length?: number): Reader<T[]> {
  const due = length === undefined ? 'a list' : `a list of ${length}`
  return (reply) => {
    if (!Array.isArray(reply)) throw new WrongReply(reply, due)
    if (length !== undefined && reply.length !== length) throw new WrongReply(reply, due)
    // What `new Array` makes comes to be made in old space, where it would keep the elements alive when it is dead.
    const list = reply.slice() as T[]
    for (let index = 0; index < list.length; index += 1) list[index] = read(list[index])
    return list
  }
}

/** A value, and the milliseconds until something. */
export interface KeyTime {
  readonly text: string
  readonly leftMs: number
}

export const keyTime: Reader<KeyTime> = (reply) => {
  if (!Array.isArray(reply) || reply.length !== 2) throw new WrongReply(reply, 'a list of 2')
  return { text: text(reply[0]), leftMs: integer(reply[1]) }
}

/** The fields of a hash and their values. ioredis 6 with `replyMapping: 'resp3'` gives them as an object. */
export const pairs: Reader<Map<string, string>> = (reply) => {
  const list = listOf(text)(isObject(reply) ? Object.entries(reply).flat() : reply)
  if (list.length % 2 !== 0) throw new WrongReply(reply, 'a list of pairs')
  const found = new Map<string, string>()
  for (let at = 0; at < list.length; at += 2) found.set(list[at] as string, list[at + 1] as string)
  return found
}

/** No list, string or error. By its name, as a client may come from another realm. */
function isObject(reply: unknown): reply is object {
  return Object.prototype.toString.call(reply) === '[object Object]'
}

export interface ScanReply {
  /** `0` ends the scan. */
  readonly cursor: string
  readonly keys: string[]
}

const keys = listOf(text)

export const scanReply: Reader<ScanReply> = (reply) => {
  const due = 'a cursor and a list'
  if (!Array.isArray(reply) || reply.length !== 2) throw new WrongReply(reply, due)
  const cursor = text(reply[0])
  // 64 bits, without a sign.
  if (!/^\d{1,20}$/.test(cursor)) throw new WrongReply(reply[0], due)
  return { cursor, keys: keys(reply[1]) }
}

/** What is published of changed keys: their names, or that any may have. What is neither counts as the latter. */
export function changedKeys(message: unknown): Buffer[] | null {
  return Array.isArray(message) && message.every(Buffer.isBuffer) ? message : null
}

const MAX_SLOT = SLOT_COUNT - 1
/** For each ioredis makes a client. Redis is made for 1,000. */
const MAX_NODES = 4_096

/** Whether it is what `CLUSTER SLOTS` answers: ranges, each slot in one at most, and the nodes that serve them. */
export function isSlots(reply: unknown): boolean {
  if (!Array.isArray(reply)) return false
  let slots = 0
  const known = new Set<string>()
  for (const range of reply as unknown[]) {
    if (!Array.isArray(range)) return false
    const [first, last, ...nodes] = range as unknown[]
    if (!isWithin(first, MAX_SLOT) || !isWithin(last, MAX_SLOT) || !nodes.every(isNode))
      return false
    slots += last - first + 1
    if (last < first || slots > MAX_SLOT + 1) return false
    for (const node of nodes as unknown[][]) known.add(`${node[0]}:${node[1]}`)
    if (known.size > MAX_NODES) return false
  }
  return true
}

/** Address, port, and what newer versions have behind. The address of one that does not know its own is nil. */
function isNode(node: unknown): boolean {
  if (!Array.isArray(node)) return false
  const [host, port] = node as unknown[]
  return (host === null || typeof host === 'string') && isWithin(port, 2 ** 16 - 1)
}

/** Whether it says of a slot who serves it, and nothing else. */
export function isRedirection(message: string): boolean {
  const [, slot, port] = /^(?:MOVED|ASK) (\d{1,5}) [\w.:-]*:(\d{1,5})$/.exec(message) ?? []
  return slot !== undefined && Number(slot) < SLOT_COUNT && Number(port) < 2 ** 16
}

function isWithin(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max
}

/** Seconds and microseconds, as `TIME` gives them; in milliseconds. */
export const unixMs: Reader<number> = (reply) => {
  const [seconds, micros] = listOf(text, 2)(reply).map(Number)
  if (!Number.isSafeInteger(seconds) || !Number.isSafeInteger(micros)) {
    throw new WrongReply(reply, 'a time')
  }
  return Number(seconds) * 1_000 + Number(micros) / 1_000
}

/** What kind of reply it is; never what it says. */
function typeOf(reply: unknown): string {
  if (reply === null || reply === undefined) return 'nil'
  if (Array.isArray(reply)) return `a list of ${reply.length}`
  if (reply instanceof Error) return 'an error'
  if (typeof reply === 'string' || Buffer.isBuffer(reply)) return 'a string'
  return typeof reply === 'number' || typeof reply === 'bigint' ? 'a number' : 'something else'
}
