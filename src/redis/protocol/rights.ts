/** What the library sends, and what callers lose without it. Names as in an ACL. */
export const LOST_WITHOUT = {
  set: 'nothing is stored',
  get: 'nothing can be read',
  mget: 'reads that are called together fail',
  del: 'nothing is deleted',
  exists: 'hasToken() and users() fail',
  scan: 'nothing can be listed or encrypted again',
  hgetall: "a user's records cannot be listed or deleted",
  hset: 'access tokens and PKCE values cannot be stored',
  hget: 'access tokens and PKCE values cannot be stored',
  hdel: 'access tokens and PKCE values cannot be deleted',
  hlen: 'the index of a user is not kept small',
  hrandfield: 'the index of a user is not kept small',
  pexpireat: 'access tokens and PKCE values cannot be stored',
  pexpiretime: 'expiries can be read with EVAL only',
  pttl: 'access tokens and PKCE values cannot be stored',
  time: 'access tokens and PKCE values cannot be stored',
  eval: 'no access tokens, PKCE values or leases',
  publish: 'leases cannot be released',
  subscribe: 'waits for leases end late',
  unsubscribe: 'waits for leases end late',
  ping: 'ping() and new connections fail',
  info: 'there is no health() and no near cache',
  wait: 'durability cannot be used',
  select: 'only database 0 can be used',
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
