import { makeRandom } from './closed-loop.mjs'

const RESOURCE = 'https://m.example/'
const TEMPLATE = 'u0'
const USERS_A_STEP = 10_000
// This many are saved again and again: the first save of each takes a script.
const SAVED_USERS = 1_000
const DAY_MS = 86_400_000
// Short: ten million of them are to fit into the memory of a usual machine.
const TOKEN = {
  accessToken: 'a'.repeat(64),
  refreshToken: 'r'.repeat(32),
  resourceUrl: RESOURCE,
}

// In Redis itself, the record and the index of one user for many others.
const FILL = `
local value, expires = redis.call('GET', KEYS[1]), redis.call('PEXPIRETIME', KEYS[1])
local entries, gone = redis.call('HGETALL', KEYS[2]), redis.call('PEXPIRETIME', KEYS[2])
for user = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
  local record = string.gsub(KEYS[1], '{u0}', '{u' .. user .. '}')
  local index = string.gsub(KEYS[2], '{u0}', '{u' .. user .. '}')
  redis.call('SET', record, value, 'PXAT', expires)
  redis.call('HSET', index, unpack(entries))
  if gone > 0 then redis.call('PEXPIREAT', index, gone) end
end`

/** Many users with a session each, as a database stores them. */
export class ManyUsers {
  #db
  #redis
  #count = 1
  #saves = 0
  #begunAt = Date.now()
  #random = makeRandom(1)

  constructor(db, redis) {
    this.#db = db
    this.#redis = redis
  }

  async growTo(count) {
    await this.#db.saveAccessToken(TEMPLATE, RESOURCE, TOKEN)
    const keys = [`atxp:oauth:~access:{${TEMPLATE}}:${RESOURCE}`, `atxp:oauth:~index:{${TEMPLATE}}`]
    for (; this.#count < count; ) {
      const end = Math.min(this.#count + USERS_A_STEP, count)
      await this.#redis.eval(FILL, 2, ...keys, this.#count, end)
      this.#count = end
    }
  }

  /** What any user does, by the name of it. */
  get operations() {
    return {
      reads: async () => {
        const token = await this.#db.getAccessToken(this.#user(), RESOURCE)
        if (token?.refreshToken !== TOKEN.refreshToken) throw new Error('a wrong answer: no token')
      },
      writes: () => {
        this.#saves += 1
        const token = { ...TOKEN, expiresAt: this.#begunAt + DAY_MS + this.#saves }
        const user = `u${this.#random(Math.min(this.#count, SAVED_USERS))}`
        return this.#db.saveAccessToken(user, RESOURCE, token)
      },
    }
  }

  #user() {
    return `u${this.#random(this.#count)}`
  }

  /** Fails unless each user is listed once. */
  async listAll(users) {
    let count = 0
    for await (const _ of users(this.#db)) count += 1
    // Whoever is listed while Redis resizes its table may come twice.
    if (count < this.#count) throw new Error(`a wrong answer: ${count} of ${this.#count} users`)
  }

  async listOne(sessions) {
    const list = await sessions(this.#db, this.#user())
    if (list.length !== 1) throw new Error(`a wrong answer: ${list.length} sessions of one`)
  }
}
