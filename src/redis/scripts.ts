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
