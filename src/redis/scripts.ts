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
