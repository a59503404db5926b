// Scripts go out whole, by EVAL: an EVALSHA that Redis does not know would have to be sent again after the reply, behind
// commands that were called later.

/**
 * When a key expires, for servers without PEXPIRETIME (Redis 6.2).
 * KEYS[1] key. Returns Unix milliseconds, -1: never, -2: no such key.
 */
export const EXPIRE_TIME = `
local ttl = redis.call('PTTL', KEYS[1])
if ttl < 0 then return ttl end
local now = redis.call('TIME')
return now[1] * 1000 + math.floor(now[2] / 1000) + ttl`

/**
 * Reads a value once. Keeps it for the one reader a little longer, so that its command, sent again after a cut
 * connection, gets the same answer; everyone else finds nothing.
 * KEYS[1] key, KEYS[2] what is kept. ARGV[1] reader, ARGV[2] milliseconds. Returns the value or nil.
 */
export const CONSUME = `
local value = redis.call('GET', KEYS[1])
if value then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], ARGV[1] .. value, 'PX', ARGV[2])
  return value
end
local kept = redis.call('GET', KEYS[2])
if kept and string.sub(kept, 1, #ARGV[1]) == ARGV[1] then return string.sub(kept, #ARGV[1] + 1) end
return false`

/**
 * Takes a lease that is free or the caller's already.
 * KEYS[1] lease. ARGV[1] owner, ARGV[2] milliseconds. Returns 1 when the owner holds it.
 */
export const ACQUIRE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

/**
 * Prolongs a lease that the caller holds.
 * KEYS[1] lease. ARGV[1] owner, ARGV[2] milliseconds. Returns 1, or 0 when it is not the owner's.
 */
export const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

/**
 * Gives a lease back and wakes its waiters, on the channel of its own name.
 * KEYS[1] lease. ARGV[1] owner. Returns 1, or 0 when it is not the owner's.
 */
export const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', KEYS[1], '')
return 1`

/**
 * Replaces a value that nobody else has changed. Sent again after a cut connection it finds its own value.
 * KEYS[1] key. ARGV[1] expected value, ARGV[2] new value, then the expiry as SET takes it. Returns 1, or 0.
 */
export const COMPARE_AND_SET = `
local value = redis.call('GET', KEYS[1])
if value ~= ARGV[1] and value ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], unpack(ARGV, 3))
return 1`

/**
 * Replaces a value that nobody else has changed, and lets its expiry stand. Sent again it finds its own value.
 * KEYS[1] key. ARGV[1] expected value, ARGV[2] new value. Returns 1, or 0.
 */
export const EXCHANGE = `
local value = redis.call('GET', KEYS[1])
if value == ARGV[2] then return 1 end
if value ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1`

/**
 * Deletes a value that nobody has changed.
 * KEYS[1] key. ARGV[1] expected value. Returns 1, or 0.
 */
export const COMPARE_AND_DELETE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`
