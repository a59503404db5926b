// Scripts go out whole, by EVAL: an EVALSHA that Redis does not know would have to be sent again after the reply, behind
// commands that were called later.
//
// A script ends at the first command that Redis refuses, and what it has done before stays done. So an entry of an index is made before
// its record and removed after it, and a value is kept before it is removed: what an error says nothing of is never half done.

/**
 * When a key expires, for servers without PEXPIRETIME (Redis 6.2).
 * KEYS[1] key. Returns Unix milliseconds, -1: never, -2: no such key.
 */
export const EXPIRE_TIME = `
local ttl, now
repeat
  ttl = redis.call('PTTL', KEYS[1])
  if ttl < 0 then return ttl end
  now = redis.call('TIME')
until redis.call('PTTL', KEYS[1]) == ttl
return now[1] * 1000 + math.floor(now[2] / 1000) + ttl`

/**
 * Reads a value once. Keeps it for the one reader a little longer, so that its command, sent again after a cut
 * connection, gets the same answer, and takes nothing that was stored since; everyone else finds nothing.
 * KEYS[1] key, KEYS[2] what is kept. ARGV[1] reader, ARGV[2] milliseconds. Returns the value or nil.
 */
export const CONSUME = `
local kept = redis.call('GET', KEYS[2])
if kept and string.sub(kept, 1, #ARGV[1]) == ARGV[1] then return string.sub(kept, #ARGV[1] + 1) end
local value = redis.call('GET', KEYS[1])
if value then
  redis.call('SET', KEYS[2], ARGV[1] .. value, 'PX', ARGV[2])
  redis.call('DEL', KEYS[1])
end
return value`

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
 * Prolongs a lease. Takes it back if nobody holds it, or if the new holder has not marked: then that one has not sent anything. Writes
 * the owner's mark again where there is none, as after a failover.
 * KEYS[1] lease, KEYS[2] mark. ARGV[1] owner, ARGV[2] milliseconds of the lease, ARGV[3] the owner's mark, or '', ARGV[4] milliseconds of
 * the mark, or 0 if it was never written. Returns 1, or 0 when the lease is another's.
 */
export const RENEW = `
local holder = redis.call('GET', KEYS[1])
local mark = ARGV[3] ~= '' and redis.call('GET', KEYS[2])
local isLost = ARGV[4] ~= '0' and not mark
if holder and holder ~= ARGV[1] and not isLost and (not mark or mark ~= ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if isLost then redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) end
return 1`

/**
 * Marks what the lease protects as about to be sent, and prolongs the lease. Another's mark stops it, unless the caller has
 * waited for that mark.
 * KEYS[1] lease, KEYS[2] mark. ARGV[1] owner, ARGV[2] milliseconds of the lease, ARGV[3] mark, ARGV[4] milliseconds of the mark,
 * ARGV[5] the mark that the caller has waited for, or ''.
 * Returns the mark that stands now: the caller's or another's. Nil when the lease is another's.
 */
export const MARK = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local mark = redis.call('GET', KEYS[2])
if mark and mark ~= ARGV[3] and mark ~= ARGV[5] then return mark end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return ARGV[3]`

/**
 * Clears the owner's mark, gives a lease back, and wakes its waiters, on the channel of the lease's own name.
 * KEYS[1] lease, KEYS[2] mark. ARGV[1] owner, ARGV[2] the owner's mark, or ''. Returns 1, or 0 when the lease is not the owner's.
 */
export const RELEASE = `
if ARGV[2] ~= '' and redis.call('GET', KEYS[2]) == ARGV[2] then redis.call('DEL', KEYS[2]) end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', KEYS[1], '')
return 1`

/**
 * A rest, and what is left of it. Its key outlives it, since failures are remembered for longer.
 * KEYS[1] rest. ARGV[1] milliseconds for which it is remembered, ARGV[2] milliseconds of the caller's trial where it is over; 0
 * for a look. Returns the record and the milliseconds left, not above 0 when it is over. Nil when there is none of this format.
 */
export const LOOK_AT_REST = `
local rest = redis.call('GET', KEYS[1])
if not rest or string.sub(rest, 1, 2) ~= '1 ' then return false end
local left = redis.call('PTTL', KEYS[1]) - ARGV[1]
if left > 0 or ARGV[2] == '0' then return {rest, left} end
rest = string.gsub(rest, ' rest ', ' trial ', 1)
redis.call('SET', KEYS[1], rest, 'PX', string.format('%d', ARGV[1] + ARGV[2]))
return {rest, 0}`

/**
 * Begins a rest, or a longer one. A failure of what was sent before the rest that stands there counts for nothing.
 * KEYS[1] rest. ARGV[1] milliseconds for which it is remembered, ARGV[2] the rest that the caller saw when it sent, or '',
 * ARGV[3] milliseconds that the server asked for, ARGV[4] its length after the first failure, ARGV[5] after the second, doubled
 * with each that follows, ARGV[6] at most, ARGV[7] the reason.
 * Returns the record and the milliseconds left.
 */
export const REST = `
local rest = redis.call('GET', KEYS[1])
if rest and rest ~= ARGV[2] then return {rest, redis.call('PTTL', KEYS[1]) - ARGV[1]} end
local failures = 1 + (rest and tonumber(string.match(rest, '^1 (%d+)')) or 0)
local ms = tonumber(ARGV[4])
if failures > 1 then ms = math.min(ARGV[5] * 2 ^ (failures - 2), tonumber(ARGV[6])) end
ms = math.max(ms, tonumber(ARGV[3]))
rest = string.format('1 %d %d rest ', failures, ms) .. ARGV[7]
redis.call('SET', KEYS[1], rest, 'PX', string.format('%d', ms + ARGV[1]))
return {rest, ms}`

/**
 * A part of a script. Enters a record in the index `x`, field `f`, as `e` and what is in `r`, where `e` is the time until which the
 * entry is kept: `s` milliseconds from `n`, now, on, and not before the time `a`. The index lives as long as its entries. Now and then it looks at
 * some entries, and drops those whose time is over. So an index grows with what it stands for, whatever was written before. An entry of
 * another format stays. Where it may not look, as before Redis 6.2, it drops none: a save need not fail for that.
 */
const ENTER = `
local e = math.max(n + s, a)
c('HSET', x, f, e .. r)
if t[2] % 8 == 0 then
  local some = redis.pcall('HRANDFIELD', x, 16, 'WITHVALUES')
  for i = 1, #some, 2 do
    if (tonumber(string.match(some[i + 1], '^[^:]*')) or n) < n then c('HDEL', x, some[i]) end
  end
end
if c('PTTL', x) < e - n then c('PEXPIREAT', x, e) end`

/** A part of a script: what `ENTER` needs to know. */
const NOW = `
local t = c('TIME')
local n = t[1] * 1000 + math.floor(t[2] / 1000)`

/**
 * Sets a record and enters it in its index. Short, because Redis hashes a script each time it gets it.
 * KEYS[1] record, KEYS[2] index. ARGV[1] value, ARGV[2] field, ARGV[3] milliseconds that the entry is kept at least, ARGV[4] the time
 * until which it is kept at least, ARGV[5] and ARGV[6] the expiry as SET takes it, ARGV[7] given: only where there is no record;
 * else the entry stays as well, since the record that stands may live longer. Returns 1, or 0 when there was one.
 */
export const SET_INDEXED: string = `
local c, k, x, f, s, a = redis.call, KEYS[1], KEYS[2], ARGV[2], ARGV[3], ARGV[4]
if ARGV[7] and c('EXISTS', k) == 1 then return 0 end
local r = string.match(c('HGET', x, f) or '', ':.*') or ''${NOW}${ENTER}
if not c('SET', k, ARGV[1], ARGV[5], ARGV[6], 'NX') then
  c('SET', k, ARGV[1], ARGV[5], ARGV[6])
elseif r ~= '' then
  c('HSET', x, f, e)
end
return 1`

/**
 * Deletes records and their entries in an index.
 * KEYS[1] index, then records, then what is not counted. ARGV[1] how many records, then their fields. Returns how many records
 * there were, and how many entries are left.
 */
export const DELETE_INDEXED = `
local count = tonumber(ARGV[1])
local entries = redis.call('HLEN', KEYS[1])
local removed = redis.call('DEL', unpack(KEYS, 2, count + 1))
if KEYS[count + 2] then redis.call('DEL', unpack(KEYS, count + 2)) end
local gone = redis.pcall('HDEL', KEYS[1], unpack(ARGV, 2))
return {removed, entries - (type(gone) == 'number' and gone or 0)}`

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
 * COMPARE_AND_SET for a record with an index, whose entry gets the time of the replacement.
 * KEYS[1] record, KEYS[2] index. ARGV[1] expected value, ARGV[2] new value, ARGV[3] to ARGV[5] as ARGV[2] to ARGV[4] of
 * SET_INDEXED, then the expiry as SET takes it. Returns 1, or 0.
 */
export const COMPARE_AND_SET_INDEXED: string = `
local c, k, x, f, s, a = redis.call, KEYS[1], KEYS[2], ARGV[3], ARGV[4], ARGV[5]
local value = c('GET', k)
if value ~= ARGV[1] and value ~= ARGV[2] then return 0 end${NOW}
local r = ':' .. n${ENTER}
c('SET', k, ARGV[2], unpack(ARGV, 6))
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
 * Deletes a value that nobody has changed, and its entry in an index.
 * KEYS[1] key, KEYS[2] the index if there is one. ARGV[1] expected value, ARGV[2] field. Returns 1, or 0.
 */
export const COMPARE_AND_DELETE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local removed = redis.call('DEL', KEYS[1])
if KEYS[2] then redis.pcall('HDEL', KEYS[2], ARGV[2]) end
return removed`

/**
 * Does with a key of its own, which is gone afterwards, what serving does with records: so it fails where that would. What it leaves
 * when it is stopped half way expires soon. Redis 7.0 and older do not say which command a script may not call, so it is said here.
 * KEYS[1] key, also a channel. ARGV[1] a time soon, in Unix milliseconds. Returns 1.
 */
export const TRY_OUT = `
local k = KEYS[1]
for _, call in ipairs({
  {'set', k, '', 'PXAT', ARGV[1]}, {'get', k}, {'mget', k}, {'exists', k}, {'time'}, {'pexpireat', k, ARGV[1]}, {'pttl', k}, {'del', k},
  {'hset', k, 'a', ''}, {'pexpireat', k, ARGV[1]}, {'hget', k, 'a'}, {'hgetall', k}, {'hlen', k}, {'hrandfield', k, 1}, {'hdel', k, 'a'},
  {'publish', k, ''},
}) do
  local reply = redis.pcall(unpack(call))
  if type(reply) == 'table' and reply.err then
    if not string.find(reply.err, "script can't run this command", 1, true) then return reply end
    return redis.error_reply("NOPERM this user has no permissions to run the '" .. call[1] .. "' command")
  end
end
return 1`
