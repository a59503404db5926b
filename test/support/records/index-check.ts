import { expect } from 'vitest'

/** What runs commands as a user who may do everything. */
interface Server {
  cli(...args: (string | number)[]): Promise<unknown>
}

/**
 * All at one moment: the user records under a prefix that their index does not name, or not for as long as they live, and then how many
 * records there are.
 * ARGV[1] prefix. Returns a list of keys, and the number.
 */
const CHECK = `
local prefix = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local outside, count = {}, 0
for _, key in ipairs(redis.call('KEYS', prefix .. '~*')) do
  local kind, tag, name = string.match(string.sub(key, #prefix + 1), '^~(%a+):({[^}]*}):(.*)$')
  if kind == 'access' or kind == 'pkce' then
    local left = redis.call('PTTL', key)
    if left ~= -2 then
      count = count + 1
      local index = prefix .. '~index:' .. tag
      local entry = redis.call('HGET', index, kind .. ':' .. name)
      local kept = entry and tonumber(string.match(entry, '^[^:]+')) - now
      if not kept or kept < left or redis.call('PTTL', index) < left then outside[#outside + 1] = key end
    end
  end
end
return { outside, count }`

/** The records that their index does not name for as long as they live, and how many records there are. */
export async function recordsOutsideOfIndex(
  server: Server,
  prefix = 'atxp:oauth:',
): Promise<{ outside: string[]; count: number }> {
  const [outside, count] = (await server.cli('EVAL', CHECK, 0, prefix)) as [string[], number]
  return { outside, count }
}

/** Fails unless there are so many records and all are in their index. */
export async function expectIndexed(server: Server, count: number): Promise<void> {
  expect(await recordsOutsideOfIndex(server)).toEqual({ outside: [], count })
}
