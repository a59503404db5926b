/** The commands that the library sends; a Redis user needs no others. */
export const COMMANDS: readonly string[] = [
  'get set del exists mget scan',
  'hgetall hset hget hdel hlen hrandfield',
  'pexpiretime pexpireat pttl time',
  'eval',
  'publish subscribe unsubscribe',
  'ping info wait',
].flatMap((names) => names.split(' '))

/**
 * The ACL rule of the least privilege with which everything works, as `ACL SETUSER` takes it behind name and password:
 * the keys and channels of one prefix, and the commands that the library sends. The documentation shows the same rule.
 * Redis refuses a rule with a command that it lacks: before version 7, `pexpiretime`.
 */
export function aclRule(keyPrefix: string, redisMajor = 7): string {
  const known = COMMANDS.filter((name) => redisMajor >= 7 || name !== 'pexpiretime')
  const commands = known.map((name) => `+${name}`).join(' ')
  return `resetkeys resetchannels -@all ~${keyPrefix}* &${keyPrefix}* ${commands}`
}
