import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { RedisOAuthDatabase } from '@atxp/redis'

// One of the three processes of the demonstration. It has a database of its own and does what its parent asks.

const db = new RedisOAuthDatabase({ url: process.env.REDIS_URL, keyPrefix: process.env.KEY_PREFIX })

// Ctrl-C reaches the whole group; the parent says what is to become of us.
process.on('SIGINT', () => {})
process.on('disconnect', () => {
  void close()
})

/** The module that knows the ATXP client; loaded when it is needed. */
let atxp
let client

process.on('message', ({ id, name, args }) => {
  const started = performance.now()
  commands[name](args, (progress) => answer({ id, progress })).then(
    (result) => answer({ id, result, ms: performance.now() - started }),
    (error) => answer({ id, failure: error.message }),
  )
})

async function close() {
  await commands.closeClient()
  await db.close()
}

/** A parent that has hung up wants no answer. */
function answer(message) {
  if (process.connected) process.send(message, () => {})
}

const commands = {
  ping: () => db.ping(),

  async loadClient() {
    atxp = await import('./client.mjs')
  },

  async connectClient([setup]) {
    await commands.closeClient()
    client = await atxp.connect(db, setup)
  },

  async closeClient() {
    await client?.close()
    client = undefined
  },

  callTool: () => atxp.callTool(client),
  takeEvents: async () => atxp.takeEvents(),

  async forgetSessions([accounts, issuer]) {
    for (const account of accounts) await db.deleteUser(account)
    await db.deleteClientCredentials(issuer)
  },

  storeToken: (args) => db.storeToken(...args),
  getToken: (args) => db.getToken(...args),
  hasToken: (args) => db.hasToken(...args),
  getTokenExpiry: (args) => db.getTokenExpiry(...args),
  deleteToken: (args) => db.deleteToken(...args),
  listTokens: () => db.listTokens(),

  /** Asks again and again until the token is gone, and gives the time at which it was. */
  async watchExpiry([key]) {
    while ((await db.getToken(key)) !== null);
    return Date.now()
  },

  async importTokens([size], report) {
    const { stored } = await db.storeTokens(makeTokens(size), { onProgress: report })
    return stored
  },

  async countTokens() {
    let found = 0
    for await (const _key of db.scanTokens()) found += 1
    return found
  },

  /** One read after the other: the middle of their times. */
  async readOneByOne([size, reads]) {
    const times = []
    for (let read = 0; read < reads; read += 1) {
      const started = performance.now()
      await readRandomToken(size)
      times.push(performance.now() - started)
    }
    times.sort((one, other) => one - other)
    return times[Math.floor(reads / 2)]
  },

  /** Many readers at once: reads a second. */
  async readAtOnce([size, reads, readers]) {
    const started = performance.now()
    let left = reads
    const reader = async () => {
      while (left-- > 0) await readRandomToken(size)
    }
    await Promise.all(Array.from({ length: readers }, reader))
    return (reads / (performance.now() - started)) * 1000
  },

  async deleteAll(_args, report) {
    let deleted = 0
    let keys = []
    const flush = async () => {
      deleted += await db.deleteTokens(keys)
      keys = []
      report({ deleted })
    }
    for await (const key of db.scanTokens()) if (keys.push(key) === 1000) await flush()
    await flush()
    return deleted
  },
}

async function readRandomToken(size) {
  const key = nameOfUser(Math.floor(Math.random() * size))
  if ((await db.getToken(key)) === null) throw new Error(`${key} is not there`)
}

function nameOfUser(index) {
  return `user_${String(index).padStart(6, '0')}`
}

const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: 'demo' })

/** Tokens as an authorization server would give them: JWTs of some hundred bytes, good for an hour. */
function* makeTokens(size) {
  const expiresAt = new Date(Date.now() + 3_600_000)
  const exp = Math.floor(expiresAt.getTime() / 1000)
  for (let index = 0; index < size; index += 1) {
    const key = nameOfUser(index)
    const jti = randomBytes(16).toString('hex')
    const payload = { iss: 'https://auth.example', sub: key, aud: 'https://mcp.example', jti, exp }
    const signature = randomBytes(64).toString('base64url')
    yield { key, token: `${header}.${encode(payload)}.${signature}`, expiresAt }
  }
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
