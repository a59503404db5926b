import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { type RedisOAuthDatabase, TRACING_CHANNELS } from '../../../src/index.js'
import { startMetrics } from '../../../src/metrics.js'
import { eventually } from '../../support/eventually.js'
import { AsyncContexts } from '../../support/metrics/contexts.js'
import { CALLS, fill, keysOf } from '../../support/operations/every-method.js'
import { openDatabase, startServer } from '../../support/scene.js'
import {
  NAMES,
  NEVER_STORED,
  SECRETS,
  useEverything,
  useTheRest,
} from '../../support/secrets/secrets-in-use.js'
import { readable } from '../../support/secrets/secrets-witness.js'

const exporter = new InMemorySpanExporter()
const tracer = trace.getTracer('the caller')

beforeAll(() => {
  const spanProcessors = [new SimpleSpanProcessor(exporter)]
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }))
  context.setGlobalContextManager(new AsyncContexts())
})

afterAll(() => {
  trace.disable()
  context.disable()
})

beforeEach(() => exporter.reset())

/** Begins when the first span has been made, since the API is loaded meanwhile. */
async function traced(db: RedisOAuthDatabase): Promise<() => void> {
  const stop = startMetrics({ spans: true })
  onTestFinished(stop)
  await eventually(async () => {
    await db.ping()
    return exporter.getFinishedSpans().length > 0
  })
  exporter.reset()
  return stop
}

const spansOf = (name: string): ReadableSpan[] =>
  exporter.getFinishedSpans().filter((span) => span.name === name)

/** Runs work in a span of the caller's; gives the id of that. */
async function inSpan(work: () => Promise<unknown>): Promise<string> {
  const span = tracer.startSpan('caller')
  await context.with(trace.setSpan(context.active(), span), work)
  span.end()
  return span.spanContext().spanId
}

it('each call is a span of its method, within the span of its caller', async () => {
  const db = openDatabase({ url: (await startServer()).url })
  await traced(db)
  const id = await inSpan(async () => {
    await db.storeToken('a', 'token')
    await Promise.all([db.getToken('a'), db.getToken('b')])
  })
  const spans = [...spansOf('storeToken'), ...spansOf('getToken')]
  expect(spans).toHaveLength(3)
  for (const span of spans) {
    expect(span.parentSpanContext?.spanId).toBe(id)
    expect(span.attributes).toEqual({ 'db.system.name': 'redis', 'db.operation.name': span.name })
    expect(span.duration[0] + span.duration[1]).toBeGreaterThan(0)
  }
})

it('a call without a span around it is the first of its trace, and after stop there are none', async () => {
  const db = openDatabase({ url: (await startServer()).url })
  const stop = await traced(db)
  await db.hasToken('a')
  expect(spansOf('hasToken').map(({ parentSpanContext }) => parentSpanContext)).toEqual([undefined])
  stop()
  await db.hasToken('a')
  expect(spansOf('hasToken')).toHaveLength(1)
})

it('what work of a caller calls is within the call that runs the work, and within spans of its own', async () => {
  const db = openDatabase({ url: (await startServer()).url })
  await traced(db)
  let own = ''
  const work = async (): Promise<string> => {
    await db.storeToken('a', 'token')
    own = await inSpan(() => db.hasToken('a'))
    return 'done'
  }
  const id = await inSpan(() => db.singleFlight('work', work, { recheck: async () => undefined }))
  const [flight] = spansOf('singleFlight')
  expect(flight?.parentSpanContext?.spanId).toBe(id)
  expect(spansOf('storeToken')[0]?.parentSpanContext?.spanId).toBe(flight?.spanContext().spanId)
  expect(spansOf('hasToken')[0]?.parentSpanContext?.spanId).toBe(own)
})

it('a failure has the type of its error and no more, and the stack of its error leads to the caller', async () => {
  const server = await startServer()
  const db = openDatabase({ url: server.url })
  await traced(db)
  await server.cli('RPUSH', 'atxp:oauth:list', 'an element')
  async function theCallingFunction(): Promise<void> {
    await db.getToken('list')
  }
  const error = await theCallingFunction().catch((reason: Error) => reason)
  expect((error as Error).stack).toContain('theCallingFunction')
  await db.getToken('').catch(() => {})
  const failed = spansOf('getToken').map(({ attributes, status, events }) => ({
    type: attributes['error.type'],
    status,
    events,
  }))
  const status = { code: SpanStatusCode.ERROR }
  expect(failed).toEqual([
    { type: 'WRONG_TYPE', status, events: [] },
    { type: '_OTHER', status, events: [] },
  ])
})

it('every method that returns a promise makes a span', async () => {
  const server = await startServer()
  const db = openDatabase({ url: server.url })
  const keys = keysOf(3)
  await fill(db, keys)
  await traced(db)
  for (const call of Object.values(CALLS)) await call(db, keys)
  const names = new Set(exporter.getFinishedSpans().map(({ name }) => name))
  const methods = Object.keys(CALLS).filter((name) => name !== 'forResourceServer')
  expect(methods.filter((method) => !names.has(method))).toEqual([])
})

it('a refresh is within the call that makes it, and no span holds a secret, a user or a URL', async () => {
  const password = `password-${randomBytes(12).toString('hex')}`
  const { url } = await startServer({ requirepass: password })
  const [db, peer, durable] = [
    openDatabase({ url }),
    openDatabase({ url, cache: true }),
    openDatabase({ url, durability: { replicas: 1, timeoutMs: 20 } }),
  ]
  await traced(db)
  const messages: unknown[] = []
  for (const name of Object.values(TRACING_CHANNELS)) {
    const ends = `tracing:${name}:asyncEnd`
    const note = (message: unknown): void => void messages.push(message)
    subscribe(ends, note)
    onTestFinished(() => void unsubscribe(ends, note))
  }
  await useEverything(db, peer, durable, async () => {})
  await useTheRest(db)
  const refreshes = spansOf('refresh')
  expect(refreshes.map(({ attributes }) => attributes['error.type'])).toContain('400')
  expect(refreshes.map(({ attributes }) => attributes['error.type'])).toContain(undefined)
  const fetches = spansOf('coordinatedFetch').map((span) => span.spanContext().spanId)
  for (const { parentSpanContext } of refreshes) {
    expect(fetches).toContain(parentSpanContext?.spanId)
  }
  const texts = exporter
    .getFinishedSpans()
    .map(({ name, attributes, events, status, links }) =>
      JSON.stringify({ name, attributes, events, status, links }),
    )
    .concat(messages.map((message) => JSON.stringify(message)))
  expect(texts.length).toBeGreaterThan(100)
  const everything = { ...SECRETS, ...NEVER_STORED, ...NAMES, password }
  expect(
    readable(
      everything,
      texts.map((text) => Buffer.from(text)),
    ),
  ).toEqual([])
})
