// What a user's process does from its first token to its end. Both module systems run it with their own class.

export async function runSession(RedisOAuthDatabase, url) {
  const db = new RedisOAuthDatabase({ url, keyPrefix: `${process.pid}:` })
  await db.storeToken('user_123', 'token_value', new Date(Date.now() + 60_000))
  await db.storeToken('user_456', 'other_value')
  const seen = {
    token: await db.getToken('user_123'),
    nothing: await db.getToken('user_789'),
    has: await db.hasToken('user_456'),
    list: (await db.listTokens()).sort(),
    deleted: await db.deleteToken('user_456'),
    deletedAgain: await db.deleteToken('user_456'),
  }
  await db.deleteToken('user_123')
  if (Symbol.asyncDispose) await db[Symbol.asyncDispose]()
  await db.close()
  const code = await db.getToken('user_123').catch((error) => error.code)
  console.log(JSON.stringify({ ...seen, code }))
}
