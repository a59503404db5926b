import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { freePort } from '../servers/free-port.js'
import type { RedisServer } from '../servers/redis-server.js'

// What somebody sees who can read the traffic, Redis itself, or its files.

const MIN_FORM_BYTES = 6

/** Every encoding in which a text may stand somewhere, so that a search for the bytes finds it. */
export function encodingsOf(text: string): Buffer[] {
  const bytes = Buffer.from(text)
  const hex = bytes.toString('hex')
  return [
    bytes,
    Buffer.from(text, 'latin1'),
    Buffer.from(text, 'utf16le'),
    Buffer.from(text, 'base64url'),
    Buffer.from(encodeURIComponent(text)),
    Buffer.from(JSON.stringify(text).slice(1, -1)),
    Buffer.from([...text].reverse().join('')),
    Buffer.from(hex),
    Buffer.from(hex.toUpperCase()),
    ...[0, 1, 2].flatMap((shift) => inBase64(bytes, shift)),
    // What is no base64 is dropped by its decoder: random bytes may leave nothing, which is in everything.
  ].filter((form) => form.length >= Math.min(MIN_FORM_BYTES, bytes.length))
}

/** The digits that are the same whatever stands before and after, in both alphabets. */
function inBase64(bytes: Buffer, shift: number): Buffer[] {
  const digits = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64url')
  const own = digits.slice(Math.ceil((shift * 8) / 6), -2)
  return [own, own.replaceAll('-', '+').replaceAll('_', '/')].map((text) => Buffer.from(text))
}

/** The names of those texts that can be read in one of these, in whatever encoding. */
export function readable(texts: Readonly<Record<string, string>>, seen: Buffer[]): string[] {
  return Object.entries(texts)
    .filter(([, text]) =>
      encodingsOf(text).some((form) => seen.some((bytes) => bytes.includes(form))),
    )
    .map(([name]) => name)
    .sort()
}

export interface Everything {
  values: Map<string, Buffer>
  /** As `DUMP` gives them. */
  dumps: Buffer[]
  /** What stands in the users' indexes: parts of the names of keys. */
  indexed: Buffer[]
}

/** What stands in Redis now. */
export async function everyKey(redis: Redis): Promise<Everything> {
  const values = new Map<string, Buffer>()
  const dumps: Buffer[] = []
  const indexed: Buffer[] = []
  for (const name of await redis.keys('*')) {
    if (name.includes('~index:')) {
      const [fields, dump] = await Promise.all([redis.hgetallBuffer(name), redis.dumpBuffer(name)])
      values.set(name, Buffer.concat(Object.values(fields)))
      indexed.push(...Object.keys(fields).map((field) => Buffer.from(field)), dump)
      continue
    }
    const [value, dump] = await Promise.all([redis.getBuffer(name), redis.dumpBuffer(name)])
    // It may have expired since.
    if (value === null || dump === null) continue
    values.set(name, value)
    dumps.push(dump)
  }
  return { values, dumps, indexed }
}

/** The snapshot and the append-only file. */
export async function everyFile(redis: RedisServer): Promise<Buffer[]> {
  await redis.cli('SAVE')
  // Before Redis 7 the append-only file stands beside the snapshot.
  const directories = [redis.dir, join(redis.dir, 'appendonlydir')].filter((name) =>
    existsSync(name),
  )
  return directories
    .flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)))
    .filter((path) => /\.(rdb|aof)$/.test(path))
    .map((path) => readFileSync(path))
}

/** A proxy that keeps every byte of both directions. */
export interface Wiretap {
  host: string
  port: number
  /** Both directions of every connection, each in one piece. */
  heard(): Buffer[]
  stop(): Promise<void>
}

export async function startWiretap(redis: RedisServer): Promise<Wiretap> {
  const pieces: Buffer[][] = []
  const sockets = new Set<Socket>()
  const listen = (from: Socket, to: Socket): void => {
    const heard: Buffer[] = []
    pieces.push(heard)
    sockets.add(from)
    from.on('data', (bytes) => heard.push(bytes))
    from.on('error', () => to.destroy())
    from.pipe(to)
  }
  const server: Server = createServer((client) => {
    const upstream = connect(redis.path)
    listen(client, upstream)
    listen(upstream, client)
  })
  const port = await freePort()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    host: '127.0.0.1',
    port,
    heard: () => pieces.map((heard) => Buffer.concat(heard)),
    stop: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Starts `MONITOR`, which shows what scripts do as well. */
export async function startMonitor(redis: RedisServer): Promise<{
  /** Each command as its arguments, up to now. */
  shown(): Promise<Buffer[]>
  stop(): void
}> {
  const socket = connect(redis.path)
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (more) => {
    text += more
  })
  socket.write('MONITOR\r\n')
  return {
    async shown() {
      // It comes after all that was sent before.
      const end = `end of what ${Math.random()} saw`
      await redis.cli('ECHO', end)
      while (!text.includes(end)) await new Promise((resolve) => socket.once('data', resolve))
      return text.split('\r\n').map(unescaped)
    },
    stop: () => socket.destroy(),
  }
}

/** `MONITOR` writes bytes that are not printable as `\xNN`, and `"` and `\` behind a backslash. */
function unescaped(line: string): Buffer {
  const bytes = line.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex?: string, other?: string) =>
    hex === undefined ? (other ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1')
}
