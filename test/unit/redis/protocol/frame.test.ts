import fc from 'fast-check'
import { Command } from 'ioredis'
import { expect, it } from 'vitest'
import { frameOf } from '../../../../src/redis/protocol/frame.js'

it('makes the bytes that ioredis makes', () => {
  const argument = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(
      fc.constantFrom('get', 'set', 'eval'),
      fc.array(argument, { maxLength: 6 }),
      (name, args) => {
        const expected = new Command(name, args).toWritable({})
        expect(Buffer.from(frameOf(name, args))).toEqual(Buffer.from(expected))
      },
    ),
  )
})
