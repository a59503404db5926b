/** What the library sends, and what callers lose without it. Names as in an ACL. */
export const LOST_WITHOUT = {
  set: 'nothing is stored',
  get: 'nothing can be read',
  mget: 'reads that are called together fail',
  del: 'nothing is deleted',
  exists: 'nobody can tell what is stored',
  scan: 'tokens and users cannot be listed, and nothing be resealed',
  hgetall: "a user's records cannot be listed or deleted",
  hset: 'access tokens and PKCE values cannot be stored',
  hget: 'access tokens and PKCE values cannot be stored again',
  hdel: 'access tokens and PKCE values cannot be deleted',
  hlen: 'the index of a user is not kept small',
  hrandfield: 'the index of a user is not kept small',
  pexpireat: 'access tokens and PKCE values cannot be stored',
  pexpiretime: 'reading an expiry takes one more round trip',
  pttl: 'access tokens and PKCE values cannot be stored',
  time: 'access tokens and PKCE values cannot be stored, and health() cannot compare clocks',
  eval: 'access tokens and PKCE values cannot be stored, and there are no leases: refreshes and registrations are not coordinated',
  publish: 'leases cannot be given back',
  subscribe: 'nobody is woken when a lease ends',
  unsubscribe: 'nobody is woken when a lease ends',
  ping: 'nobody can tell whether Redis answers',
  info: 'health() knows nothing of the server, and there is no near cache',
  wait: 'durability cannot be had',
  select: 'there is no other database than 0',
  role: 'Sentinel cannot be used',
  'cluster|slots': 'a Cluster cannot be used',
  'cluster|nodes': 'a Cluster cannot be used',
  'client|id': 'there is no near cache',
  'client|tracking': 'there is no near cache',
} as const

export type Right = keyof typeof LOST_WITHOUT

export function isRight(name: string): name is Right {
  return Object.keys(LOST_WITHOUT).includes(name)
}

export function lostWithout(command: string): string {
  const name = command.toLowerCase()
  return isRight(name) ? LOST_WITHOUT[name] : 'this call cannot be answered'
}

/** What a user may not use. */
export type Denial = Right | 'a command' | 'a key' | 'a channel'

/** What Redis refuses a user; undefined of what is no such refusal. */
export function denialIn(message: string): Denial | undefined {
  // Redis 7.0 and older say less of what a script may not do.
  if (!/^NOPERM\b|ACL failure in script|user executing the script can't/.test(message))
    return undefined
  const name = /to run the '([a-z|]+)' command/.exec(message)?.[1] ?? ''
  if (isRight(name)) return name
  if (/\bkeys?\b/.test(message)) return 'a key'
  return /\bchannels?\b/.test(message) ? 'a channel' : 'a command'
}
