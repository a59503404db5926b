import { AsyncLocalStorage } from 'node:async_hooks'
import * as diagnostics from 'node:diagnostics_channel'
import type { Span, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { TRACING_CHANNELS, type TraceEvent } from '../leaves/tracing.js'
import { type Api, OTHER, SCOPE, spanAttributes } from './open-telemetry.js'

interface Phase {
  bindStore<T>(store: AsyncLocalStorage<T>, transform: (message: TraceEvent) => T): void
  unbindStore(store: AsyncLocalStorage<unknown>): void
  subscribe(listener: (message: unknown) => void): void
  unsubscribe(listener: (message: unknown) => void): void
}

interface TracingChannel {
  readonly start: Phase
  readonly asyncEnd: Phase
}

/** What goes on around a piece of work. */
interface Surroundings {
  readonly span: Span
  /** The span of the caller's in which ours began. */
  readonly outer: Span | undefined
}

/**
 * Makes a span of each call and of each refresh, within the span that is active for the caller. Returns what ends that. Where Node has no
 * `tracingChannel` there are none.
 */
export function makeSpans({ trace, context }: Api): () => void {
  // Not in the types of Node 16.
  const { tracingChannel } = diagnostics as { tracingChannel?: (name: string) => TracingChannel }
  // Other runtimes may have a part of it.
  const probe = tracingChannel?.(TRACING_CHANNELS.operation)
  if (tracingChannel === undefined || typeof probe?.start.bindStore !== 'function') return () => {}
  const tracer = trace.getTracer(SCOPE)
  const surroundings = new AsyncLocalStorage<Surroundings>()
  const open = new WeakMap<TraceEvent, Span>()

  const begin =
    (kind: SpanKind) =>
    (message: TraceEvent): Surroundings => {
      const active = trace.getSpan(context.active())
      const around = surroundings.getStore()
      // Within a call of ours, unless a span of another's has begun since.
      const parent = around !== undefined && around.outer === active ? around.span : active
      const within =
        parent === undefined ? context.active() : trace.setSpan(context.active(), parent)
      const attributes = spanAttributes(message.operation)
      const span = tracer.startSpan(message.operation, { kind, attributes }, within)
      open.set(message, span)
      return { span, outer: active }
    }
  const end = (message: unknown): void => {
    const span = open.get(message as TraceEvent)
    if (span === undefined) return
    const type = errorTypeOf(message as TraceEvent)
    if (type !== undefined) span.setAttribute('error.type', type).setStatus({ code: ERROR })
    span.end()
  }
  const channels = [
    [tracingChannel(TRACING_CHANNELS.operation), CLIENT],
    [tracingChannel(TRACING_CHANNELS.refresh), INTERNAL],
  ] as const
  for (const [{ start, asyncEnd }, kind] of channels) {
    start.bindStore(surroundings, begin(kind))
    asyncEnd.subscribe(end)
  }
  return () => {
    for (const [{ start, asyncEnd }] of channels) {
      start.unbindStore(surroundings)
      asyncEnd.unsubscribe(end)
    }
  }
}

// Of enums, which are not there as values where only the types are imported.
const ERROR = 2 satisfies SpanStatusCode.ERROR
const INTERNAL = 0 satisfies SpanKind.INTERNAL
const CLIENT = 2 satisfies SpanKind.CLIENT

/** Undefined of what did not fail. */
function errorTypeOf({ code, status = 0 }: TraceEvent): string | undefined {
  if (code !== undefined) return code ?? OTHER
  return status >= 400 ? String(status) : undefined
}
