import { oneOf } from '../random.js'

/** What comes in the place of an honest reply. */
export interface Lie {
  readonly bytes: Buffer
  /** What becomes of the connection behind it. */
  readonly ending?: 'end' | 'silence'
}

/** A command, and what Redis has answered. */
export interface Answered {
  readonly command: readonly string[]
  readonly reply: Buffer
}

type Random = () => number
type Liar = (random: Random, answered: Answered) => Lie

const bulk = (bytes: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from(`$${Buffer.byteLength(bytes)}\r\n`), Buffer.from(bytes), CRLF])
const list = (...elements: (Buffer | string)[]): Buffer =>
  Buffer.concat([
    Buffer.from(`*${elements.length}\r\n`),
    ...elements.map((element) => Buffer.from(element)),
  ])
const CRLF = Buffer.from('\r\n')
const JUNK = 'junk'
const CHANNEL = bulk('__redis__:invalidate')

/** One of each type, and some that look like what is expected. */
const REPLIES: readonly Buffer[] = [
  ...[':1', ':0', ':-1', ':-2', ':2', ':5', '+OK', '+PONG', '+QUEUED', '+', '$-1', '*-1', '*0'],
  ...[':9007199254740993', ':99999999999999999999', ':-99999999999', ':abc', ':', '$0\r\n'],
]
  .map((text): Buffer => Buffer.from(`${text}\r\n`))
  .concat(
    bulk(JUNK),
    bulk('{}'),
    bulk('{"accessToken":1}'),
    bulk('null'),
    bulk(Buffer.from([0xff, 0xfe, 0x00, 0x0a])),
    list('$-1\r\n'),
    list('*-1\r\n'),
    list('*0\r\n'),
    list(':1\r\n', ':2\r\n', ':3\r\n'),
    list(bulk('0'), '*0\r\n'),
    list(bulk('0'), bulk('0')),
    list(bulk('-1'), '*0\r\n'),
    list(bulk(JUNK), list(bulk(JUNK), '$-1\r\n')),
    list('-ERR within a list\r\n', bulk(JUNK)),
    list(bulk('master'), ':0\r\n', '*0\r\n'),
    list(bulk('subscribe'), ':1\r\n', ':1\r\n'),
    list(bulk('subscribe'), '$-1\r\n', '$-1\r\n'),
    list(bulk('unsubscribe'), '$-1\r\n', ':0\r\n'),
    list(bulk('message'), CHANNEL, ':5\r\n'),
    list(bulk('message'), CHANNEL, list('$-1\r\n')),
    list(bulk('message'), CHANNEL, list(':1\r\n', '*-1\r\n', bulk('atxp:oauth:a0'))),
    list(bulk('message'), CHANNEL, '$-1\r\n'),
    list(bulk('message'), '$-1\r\n', '$-1\r\n'),
    list(bulk('message')),
    list(bulk('pmessage'), '$-1\r\n', '$-1\r\n', '$-1\r\n'),
  )

/** What no client may take for a reply, whatever it has asked for. */
const UNREADABLE: readonly ((random: Random) => Buffer)[] = [
  () => Buffer.from('$4294967296\r\n'),
  () => Buffer.from('$99999999999999999999\r\n'),
  () => Buffer.from('$-5\r\n'),
  () => Buffer.from('$x\r\n'),
  () => Buffer.from('*4294967295\r\n'),
  () => Buffer.from('*4294967296\r\n'),
  () => Buffer.from('*-7\r\n'),
  // Each is an allocation of 256 MB to who believes it.
  () => Buffer.from('*33554432\r\n'.repeat(60)),
  () => Buffer.from('*1\r\n'.repeat(200_000)),
  () => Buffer.from(`+${'x'.repeat(200_000)}`),
  () => Buffer.from('+OK\rX*1\rX*1\rX'),
  () => Buffer.from('_\r\n'),
  () => Buffer.from('%1\r\n+a\r\n+b\r\n'),
  () => Buffer.from('>3\r\n+message\r\n+a\r\n+b\r\n'),
  () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
  () => Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05]),
  (random) => Buffer.from(Array.from({ length: 40 }, () => Math.floor(random() * 256))),
]

const ERRORS: readonly string[] = [
  ...['ERR', 'WRONGTYPE', 'READONLY', 'LOADING', 'BUSY', 'NOAUTH', 'NOPERM', 'OOM', 'MISCONF', 'x'],
  ...[
    'TRYAGAIN',
    'CLUSTERDOWN',
    'NOSCRIPT',
    'WRONGPASS',
    'MASTERDOWN',
    'EXECABORT',
    'UNBLOCKED',
    '',
  ],
]
const REDIRECTIONS: readonly string[] = [
  ...['MOVED', 'MOVED 1', 'MOVED x', 'MOVED 1 nowhere', 'MOVED 99999 127.0.0.1:1', 'ASK', 'ASK 1 '],
  ...['MOVED __proto__ 127.0.0.1:1', 'ASK 1 127.0.0.1:99999', 'MOVED constructor 127.0.0.1:1'],
]

/** In the place of the reply, one that is none to this command. */
const anotherReply: Liar = (random) => ({ bytes: oneOf(random, REPLIES) })

/** An error that quotes the command and its true answer. */
const error: Liar = (random, { command, reply }) => {
  const quoted = `${command.join(' ')} ${reply.toString('latin1')}`.replace(/[\r\n]+/g, ' ')
  const prefix = oneOf(random, ERRORS)
  return { bytes: Buffer.from(`-${prefix} ${quoted.slice(0, 20_000)}\r\n`) }
}

const redirection: Liar = (random) => ({
  bytes: Buffer.from(`-${oneOf(random, REDIRECTIONS)}\r\n`),
})

const unreadable: Liar = (random) => ({
  bytes: oneOf(random, UNREADABLE)(random),
  ending: 'silence',
})

const truncated: Liar = (random, { reply }) => ({
  bytes: reply.subarray(0, Math.floor(random() * reply.length)),
  ending: random() < 0.5 ? 'end' : 'silence',
})

const silence: Liar = () => ({ bytes: Buffer.alloc(0), ending: 'silence' })

/** One byte of a string is not UTF-8. */
const damaged: Liar = (_random, { reply }) => {
  const bytes = Buffer.from(reply)
  const start = bytes.indexOf('\r\n') + 2
  if (bytes[0] === 0x24 && bytes.length - start > 4) bytes[bytes.length - 4] = 0xff
  return { bytes }
}

/** One reply too many, before or behind the true one. */
const surplus: Liar = (random, { reply }) => {
  const other = oneOf(random, REPLIES)
  return { bytes: Buffer.concat(random() < 0.5 ? [reply, other] : [other, reply]) }
}

/** The true reply, twice: the second is for whoever asks next. */
const repeated: Liar = (_random, { reply }) => ({ bytes: Buffer.concat([reply, reply]) })

/** A scan that leads nowhere, or in circles, or gives a page of what it likes. */
const scanned: Liar = (random, answered) => {
  const [name, , , pattern = ''] = answered.command
  if (name?.toLowerCase() !== 'scan') return anotherReply(random, answered)
  const beginning = pattern.replace(/\\|\*.*$/g, '')
  const names = ['a0', '~access:{user}:x', '~access:{u1}:https://1/', '~client:x', '~', '', '~~a']
  const keys = [
    ...names.map((key) => bulk(`${beginning}${key}`)),
    ...names.map((key) => bulk(`elsewhere:${key}`)),
    bulk(Buffer.from([0xff])),
  ]
  const cursor = oneOf(random, ['7', '7', '0', '18446744073709551616', '1e3', '', '0x0'])
  const count = oneOf(random, [0, 3, 3, 5_000])
  const page = Array.from({ length: count }, (_, i) =>
    random() < 0.1 ? oneOf(random, keys) : bulk(`${beginning}${i}`),
  )
  return { bytes: list(bulk(cursor), list(...page)) }
}

export const LIES = {
  anotherReply,
  error,
  redirection,
  unreadable,
  truncated,
  silence,
  damaged,
  surplus,
  repeated,
  scanned,
} as const satisfies { readonly [name: string]: Liar }

export type LieName = keyof typeof LIES
