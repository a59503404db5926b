import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytes,
  done,
  integer,
  isSlots,
  listOf,
  ok,
  orNil,
  pairs,
  pong,
  type Reader,
  scanReply,
  text,
  unixMs,
  WrongReply,
} from '../../../../src/redis/protocol/replies.js'

const READERS: Readonly<Record<string, Reader<unknown>>> = {
  bytes,
  done,
  integer,
  'list of text': listOf(text),
  'list of two': listOf(orNil(bytes), 2),
  ok,
  pairs,
  pong,
  scanReply,
  text,
  'text or nil': orNil(text),
  unixMs,
}

const b = (value: string): Buffer => Buffer.from(value)

it.each<[string, unknown, unknown]>([
  ['bytes', b('\xff'), b('\xff')],
  ['bytes', 'a', b('a')],
  ['done', 1, true],
  ['done', '0', false],
  ['integer', -2, -2],
  ['integer', '1760000000000', 1_760_000_000_000],
  ['list of text', [], []],
  ['list of text', [b('a'), b('b')], ['a', 'b']],
  ['list of two', [null, b('a')], [null, b('a')]],
  ['ok', b('OK'), undefined],
  ['pairs', [], new Map()],
  [
    'pairs',
    [b('a'), b('1'), b('b'), b('2')],
    new Map([
      ['a', '1'],
      ['b', '2'],
    ]),
  ],
  ['pairs', {}, new Map()],
  ['pairs', Object.assign(Object.create(null), { a: b('1') }), new Map([['a', '1']])],
  [
    'pairs',
    JSON.parse('{"__proto__":"1","constructor":"2"}'),
    new Map([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]),
  ],
  ['pong', b('PONG'), undefined],
  ['scanReply', [b('0'), []], { cursor: '0', keys: [] }],
  [
    'scanReply',
    [b('18446744073709551615'), [b('a')]],
    { cursor: '18446744073709551615', keys: ['a'] },
  ],
  ['text', b('é'), 'é'],
  ['text or nil', null, null],
  ['unixMs', [b('1700000000'), b('250000')], 1_700_000_000_250],
])('%s reads %j', (name, reply, value) => {
  expect(READERS[name]?.(reply)).toEqual(value)
})

it.each<[string, unknown, string]>([
  ['bytes', 1, 'a number came where a string was due'],
  ['bytes', null, 'nil came where a string was due'],
  ['done', 2, 'a number came where 0 or 1 was due'],
  ['integer', Number.NaN, 'a number came where an integer was due'],
  ['integer', b('1'), 'a string came where an integer was due'],
  ['list of text', b('a'), 'a string came where a list was due'],
  ['list of text', [b('a'), null], 'nil came where a string was due'],
  ['list of two', [null], 'a list of 1 came where a list of 2 was due'],
  ['list of two', null, 'nil came where a list of 2 was due'],
  ['ok', null, 'nil came where OK was due'],
  ['pairs', [b('a')], 'a list of 1 came where a list of pairs was due'],
  ['pairs', { a: null }, 'nil came where a string was due'],
  ['pairs', { a: [b('secret')] }, 'a list of 1 came where a string was due'],
  ['pairs', b('a'), 'a string came where a list was due'],
  ['pairs', new Error('a'), 'an error came where a list was due'],
  ['pong', b('OK'), 'a string came where PONG was due'],
  ['scanReply', b('0'), 'a string came where a cursor and a list was due'],
  ['scanReply', [b('-1'), []], 'a string came where a cursor and a list was due'],
  ['scanReply', [b('1'), null], 'nil came where a list was due'],
  ['text', new Error('ERR token'), 'an error came where a string was due'],
  ['unixMs', [b('a'), b('b')], 'a list of 2 came where a time was due'],
])('%s refuses %j', (name, reply, message) => {
  const read = () => READERS[name]?.(reply)
  expect(read).toThrow(WrongReply)
  expect(read).toThrow(message)
})

describe('whatever comes', () => {
  const { reply } = fc.letrec((tie) => ({
    reply: fc.oneof(
      { depthSize: 'small' },
      fc.constant(null),
      fc.double(),
      fc.maxSafeInteger(),
      fc.stringMatching(/^secret[a-z]{4}$/),
      fc.stringMatching(/^secret[a-z]{4}$/).map(b),
      fc.uint8Array().map((some) => Buffer.from(some)),
      fc.string().map((message) => new Error(`secret${message}`)),
      fc.array(tie('reply'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('reply'), { maxKeys: 4 }),
    ),
  }))

  it('a reader gives a value or throws WrongReply, which quotes nothing', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(READERS)), reply, (read, came) => {
        try {
          read(came)
        } catch (error) {
          expect(error).toBeInstanceOf(WrongReply)
          expect((error as Error).message).not.toContain('secret')
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

it('the slots of a Cluster name no more nodes than one can have', () => {
  const nodes = (count: number) =>
    Array.from({ length: count }, (_, index) => ['node.example', index + 1, 'id'])
  expect(isSlots([[0, 16_383, ...nodes(4_096)]])).toBe(true)
  expect(isSlots([[0, 16_383, ...nodes(4_097)]])).toBe(false)
  const fragments = Array.from({ length: 16_384 }, (_, slot) => [slot, slot, ...nodes(2)])
  expect(isSlots(fragments)).toBe(true)
})
