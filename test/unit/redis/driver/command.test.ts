import { beforeEach, describe, expect, it } from 'vitest'
import { type CommandOwner, TrackedCommand } from '../../../../src/redis/driver/command.js'
import { failureOf } from '../../../../src/redis/driver/failure.js'
import { ok, text } from '../../../../src/redis/protocol/replies.js'

let settled: number

const owner: CommandOwner = {
  keeps: () => false,
  settled: () => {
    settled += 1
  },
  failureOf: (error, command) => failureOf(error, 'localhost:6379', command),
}

beforeEach(() => {
  settled = 0
})

function set(): TrackedCommand<void> {
  return new TrackedCommand(owner, 'write', 'set', ['a', 'token'], ok)
}

const socket = { destroyed: false, destroy: () => {} }

describe('a command', () => {
  it('that reads, or may be repeated, is sent as often as it is asked for, and counts that', () => {
    for (const effect of ['read', 'repeatable'] as const) {
      const command = new TrackedCommand(owner, effect, 'get', ['a'], text)
      for (const times of [1, 2]) {
        expect(String(command.toWritable(socket))).toBe('*2\r\n$3\r\nget\r\n$1\r\na\r\n')
        expect(command.writes).toBe(times)
      }
    }
  })

  it('that writes is sent once: the second time a PING takes its place, and its outcome is unknown', async () => {
    const command = set()
    expect(String(command.toWritable(socket))).toBe('*3\r\n$3\r\nset\r\n$1\r\na\r\n$5\r\ntoken\r\n')
    expect(String(command.toWritable(socket))).toBe('*1\r\n$4\r\nPING\r\n')
    expect(command.writes).toBe(1)
    await expect(command.promise).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  })

  it('that writes is sent again after Redis has refused it', async () => {
    const command = set()
    command.toWritable(socket)
    expect(command.cutOff(Object.assign(new Error('MOVED 1 h:1'), { name: 'ReplyError' }))).toBe(
      false,
    )
    expect(String(command.toWritable(socket))).toContain('token')
    expect(command.cutOff(new Error('Connection is closed.'))).toBe(true)
    await expect(command.promise).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  })

  it('that was given up is never sent: a PING takes its place', async () => {
    const command = set()
    command.fail(new Error('timed out'))
    expect(String(command.toWritable(socket))).toBe('*1\r\n$4\r\nPING\r\n')
    expect(command.writes).toBe(0)
    await expect(command.promise).rejects.toMatchObject({ code: 'TIMEOUT' })
  })

  it('settles once: what comes later changes nothing', async () => {
    const command = set()
    command.toWritable(socket)
    command.fail(new Error('timed out'))
    command.resolve('OK')
    command.reject(new Error('no'))
    command.fail(new Error('no'))
    expect(settled).toBe(1)
    await expect(command.promise).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  })

  it('gives what its reader makes of the reply', async () => {
    const command = new TrackedCommand(owner, 'read', 'get', ['a'], text)
    command.resolve(Buffer.from('token'))
    expect(await command.promise).toBe('token')
    expect(settled).toBe(1)
  })

  it('fails by a reply that is none to it, and drops the connection that gave it', async () => {
    for (const [effect, code] of [
      ['read', 'REDIS_ERROR'],
      ['write', 'OUTCOME_UNKNOWN'],
    ] as const) {
      const dropped = {
        destroyed: false,
        destroy: () => {
          dropped.destroyed = true
        },
      }
      const command = new TrackedCommand(owner, effect, 'get', ['a'], text)
      command.toWritable(dropped)
      command.resolve([Buffer.from('token'), null])
      const error = await command.promise.catch((reason: unknown) => reason as Error)
      expect(error).toMatchObject({ code })
      expect((error as Error).message).toContain('a list of 2 came where a string was due')
      expect((error as Error).message).not.toContain('token')
      expect(dropped.destroyed).toBe(true)
    }
  })

  it('believes a refusal only of a connection that stands, or of the next one', async () => {
    const dropped = { destroyed: true, destroy: () => {} }
    const refusal = () => Object.assign(new Error('WRONGPASS no'), { name: 'ReplyError' })
    const command = new TrackedCommand(owner, 'read', 'get', ['a'], text)
    command.toWritable(dropped)
    command.reject(refusal())
    await expect(command.promise).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
    const sentOn = new TrackedCommand(owner, 'read', 'get', ['a'], text)
    sentOn.toWritable(dropped)
    expect(sentOn.cutOff(new Error('Connection is closed.'))).toBe(false)
    sentOn.reject(refusal())
    await expect(sentOn.promise).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
  })

  it('never lets the driver’s error through as it is', async () => {
    const command = set()
    command.reject(Object.assign(new Error('gone'), { command: { args: ['a', 'token'] } }))
    const error = await command.promise.catch((reason: unknown) => reason)
    expect(error).toMatchObject({ name: 'RedisOAuthDatabaseError', code: 'CONNECTION_LOST' })
    expect(JSON.stringify(error)).not.toContain('token')
  })
})

it('a write that Redis refused did nothing, unless it went out before as well', async () => {
  const refusal = Object.assign(new Error('OOM command not allowed'), { name: 'ReplyError' })
  const once = set()
  once.toWritable(socket)
  once.reject(refusal)
  await expect(once.promise).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' })
  const twice = set()
  twice.toWritable(socket)
  twice.toWritable(socket)
  twice.reject(refusal)
  await expect(twice.promise).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
})

it('a command that its owner keeps is not over when the driver gives it up', async () => {
  const command = new TrackedCommand({ ...owner, keeps: () => true }, 'read', 'get', ['a'], text)
  command.reject(new Error('Connection is closed.'))
  expect(command.settled).toBe(false)
  command.resolve(Buffer.from('token'))
  expect(await command.promise).toBe('token')
})
