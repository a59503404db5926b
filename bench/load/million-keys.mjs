import { Redis } from 'ioredis'

const KEYS_A_STEP = 10_000

// In Redis itself: no million keys have to travel.
const FILL = `
for index = tonumber(ARGV[2]), tonumber(ARGV[3]) - 1 do
  redis.call('SET', ARGV[1] .. index, 'token of user ' .. index)
end`

/** Stores `prefix` + 0, 1, 2 …, each with a short token. */
export async function storeNumberedTokens(url, prefix, count) {
  const redis = new Redis(url)
  try {
    for (let first = 0; first < count; first += KEYS_A_STEP) {
      await redis.eval(FILL, 0, prefix, first, Math.min(first + KEYS_A_STEP, count))
    }
  } finally {
    redis.disconnect()
  }
}
