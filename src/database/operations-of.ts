import type { Operations } from './operations.js'

const OPERATIONS = new WeakMap<object, Operations>()

/** Lets what stands above the class reach what it works with. */
export function keepOperations(database: object, operations: Operations): void {
  OPERATIONS.set(database, operations)
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
