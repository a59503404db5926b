import type { Operations } from './operations.js'

const OPERATIONS = new WeakMap<object, Operations>()

/** Of every database of this process; weak, since nobody has to close one. */
const ALL = new Set<WeakRef<Operations>>()
const collected = new FinalizationRegistry<WeakRef<Operations>>((gone) => void ALL.delete(gone))

/** Lets what stands above the class reach what it works with. */
export function keepOperations(database: object, operations: Operations): void {
  OPERATIONS.set(database, operations)
  const weak = new WeakRef(operations)
  ALL.add(weak)
  collected.register(operations, weak)
}

/** What the databases of this process work with; those that were closed until they are collected. */
export function* allOperations(): Generator<Operations, void, undefined> {
  for (const weak of ALL) {
    const operations = weak.deref()
    if (operations !== undefined) yield operations
  }
}

/** Undefined for anything but a database, as the prototype of its class. */
export function operationsIn(database: object): Operations | undefined {
  return OPERATIONS.get(database)
}

/** @throws TypeError for anything but a `RedisOAuthDatabase` */
export function operationsOf(database: object): Operations {
  const operations = OPERATIONS.get(Object(database))
  if (operations !== undefined) return operations
  throw new TypeError('db must be a RedisOAuthDatabase, of the same copy of @atxp/redis')
}
