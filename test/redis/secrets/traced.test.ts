import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { format, promisify } from 'node:util'
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { Redis } from 'ioredis'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { methodsOf } from '../../support/methods-of.js'
import { openDatabase, startServer } from '../../support/scene.js'
import {
  NEVER_STORED,
  SECRETS,
  useEverything,
  useTheRest,
} from '../../support/secrets/secrets-in-use.js'
import { readable } from '../../support/secrets/secrets-witness.js'
import { bareClient } from '../../support/servers/bare-client.js'

const PASSWORD = `password-${randomBytes(12).toString('hex')}`
const EVERYTHING = { ...SECRETS, ...NEVER_STORED, PASSWORD }

// As a service has it: the instrumentation stands before ioredis is required.
const instrumentation = new IORedisInstrumentation({ requireParentSpan: false })
const exporter = new InMemorySpanExporter()
instrumentation.setTracerProvider(
  new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
)
const require = createRequire(import.meta.url)
expect(require('ioredis')).toBe(Redis)
const debug = createRequire(require.resolve('ioredis'))('debug') as {
  enable(namespaces: string): void
  disable(): void
  log(...args: unknown[]): void
}

interface Shown {
  /** Name, attributes, events and status of each span, as text. */
  spans: string[]
  /** What `DEBUG=*` prints. */
  printed: string[]
}

let shown: Shown

beforeEach(() => {
  exporter.reset()
  const printed: string[] = []
  const { log } = debug
  debug.log = (...args) => printed.push(format(...args))
  debug.enable('*')
  onTestFinished(() => {
    debug.disable()
    debug.log = log
  })
  shown = {
    printed,
    get spans() {
      return exporter
        .getFinishedSpans()
        .map(({ name, attributes, events, status }) =>
          JSON.stringify({ name, attributes, events, status }),
        )
    },
  }
})

const secretsIn = (texts: string[]): string[] =>
  readable(
    EVERYTHING,
    texts.map((text) => Buffer.from(text)),
  )

/** Each command that the library sends, or each form of it, has been looked at. */
function expectAllSeen(): void {
  const commands = ['auth', 'set', 'get', 'del', 'eval', 'hgetall', 'mget', 'scan', 'subscribe']
  const { spans, printed } = shown
  const seen = (lines: string[], text: (name: string) => string): string[] =>
    commands.filter((name) => lines.some((line) => line.includes(text(name))))
  expect(seen(spans, (name) => `"name":"${name}"`)).toEqual(commands)
  expect(seen(printed, (name) => `-> ${name}(`)).toEqual(commands)
}

/** Notes which methods are called. The database itself is what they are called on. */
function noting(db: RedisOAuthDatabase, called: Set<string>): RedisOAuthDatabase {
  for (const name of methodsOf(RedisOAuthDatabase)) {
    const method = Reflect.get(db, name) as (...args: unknown[]) => unknown
    Object.defineProperty(db, name, {
      value: (...args: unknown[]) => {
        called.add(name)
        return method.apply(db, args)
      },
    })
  }
  return db
}

describe('a tracer and DEBUG=* show no secret', () => {
  const open = (options: RedisOAuthDatabaseOptions) =>
    openDatabase({ password: PASSWORD, ...options })

  it('of any method, with a client of our own', async () => {
    const { host, port } = await startServer({ requirepass: PASSWORD })
    const db = open({ host, port })
    const durable = open({ host, port, durability: { replicas: 1, timeoutMs: 20 } })
    const called = new Set<string>()
    const noted = noting(db, called)
    await useEverything(noted, open({ host, port, cache: true }), durable, async () => {})
    await useTheRest(noted)
    expect([...called, 'close'].sort()).toEqual(methodsOf(RedisOAuthDatabase).sort())
    expectAllSeen()
    expect(secretsIn(shown.spans)).toEqual([])
    expect(secretsIn(shown.printed)).toEqual([])
  })

  it('of any method, with a client of the caller', async () => {
    const server = await startServer()
    const client = bareClient({ path: server.path })
    const db = openDatabase({ client })
    const durable = openDatabase({ client, durability: { replicas: 1, timeoutMs: 20 } })
    // Neither is silent about what the caller sends itself.
    await client.call('del', SECRETS.token)
    expect(secretsIn(shown.spans)).toEqual(['token'])
    expect(secretsIn(shown.printed)).toEqual(['token'])
    exporter.reset()
    shown.printed.length = 0
    await useEverything(db, openDatabase({ client, cache: true }), durable, async () => {})
    expect(shown.spans.length).toBeGreaterThan(50)
    expect(secretsIn(shown.spans)).toEqual([])
    expect(secretsIn(shown.printed)).toEqual([])
  })

  it('of a command that Redis refuses, and quotes', async () => {
    const server = await startServer({ config: { 'rename-command': 'SET ""' } })
    const db = openDatabase({ host: server.host, port: server.port })
    await expect(db.storeToken('key', SECRETS.token)).rejects.toMatchObject({
      code: 'UNSUPPORTED_BY_SERVER',
    })
    const refused = shown.spans.filter((span) => span.includes('ERR unknown command'))
    expect(refused).toHaveLength(1)
    expect(secretsIn(shown.spans)).toEqual([])
    expect(secretsIn(shown.printed)).toEqual([])
  })
})

it('a process with DEBUG=* prints none', async () => {
  const entry = fileURLToPath(
    new URL('../../support/secrets/debugged-process.mjs', import.meta.url),
  )
  const { host, port } = await startServer({ requirepass: PASSWORD })
  const secret = randomBytes(12).toString('hex')
  const call = JSON.stringify({ options: { host, port, password: PASSWORD, cache: true }, secret })
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [entry, call], {
    env: { ...process.env, DEBUG: '*' },
    maxBuffer: 2 ** 26,
  })
  const printed = stdout + stderr
  for (const name of ['auth', 'set', 'get', 'eval', 'subscribe']) {
    expect(printed).toContain(`-> ${name}(`)
  }
  expect(readable({ PASSWORD, secret }, [Buffer.from(printed)])).toEqual([])
})
