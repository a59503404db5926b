import { expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { aclRule } from '../../support/servers/acl-rule.js'
import { redisMajor, startRedis } from '../../support/servers/redis-server.js'

it('fails with PERMISSION_DENIED, and writes nothing to database 0, for a user who may not SELECT', async () => {
  const rule = aclRule('test:', redisMajor()).replace(/ \+select\b/, '')
  const server = await startRedis({ users: [{ name: 'alice', password: 'secret', rule }] })
  const { host, port } = server
  const db = new RedisOAuthDatabase({
    host,
    port,
    username: 'alice',
    password: 'secret',
    db: 3,
    keyPrefix: 'test:',
  })
  for (let round = 0; round < 3; round += 1) {
    await expect(db.storeToken('a', 'token')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
  }
  expect(await server.cli('DBSIZE')).toBe(0)
  await db.close()
  await server.stop()
})
