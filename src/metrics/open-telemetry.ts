import type * as OpenTelemetry from '@opentelemetry/api'
import type { Recorder } from './recorder.js'
import { BOUNDS, type Labels, type Numbers } from './series.js'

export type Api = typeof OpenTelemetry

export const SCOPE = '@atxp/redis'

/** Undefined where it is not installed. */
export async function openTelemetryApi(): Promise<Api | undefined> {
  // Not a literal, and ignored by webpack: it is an optional peer, which compilers and bundlers must not look for.
  const name: string = '@opentelemetry/api'
  try {
    return (await import(/* webpackIgnore: true */ name)) as Api
  } catch {
    return undefined
  }
}

/** Feeds the meter of OpenTelemetry with what is recorded. Returns what ends it. */
export function feedMeter({ metrics, createNoopMeter }: Api, recorder: Recorder): () => void {
  const { operations, durations, counters, gauges } = recorder.families
  const meter = metrics.getMeter(SCOPE)
  // No SDK was started.
  if (meter === createNoopMeter()) return () => {}
  const advice = { explicitBucketBoundaries: [...BOUNDS] }
  for (const one of durations) {
    const isOperations = one === operations
    const name = isOperations ? 'db.client.operation.duration' : `atxp.redis.${one.name}`
    const histogram = meter.createHistogram(name, { description: one.help, unit: 's', advice })
    const attributesOf = isOperations ? operationAttributes() : (labels: Labels): Labels => labels
    one.listener = (seconds, labels) => histogram.record(seconds, attributesOf(labels))
  }
  const observed = new Map<OpenTelemetry.Observable, Numbers>([
    ...counters.map((one) => [meter.createObservableCounter(...describe(one)), one] as const),
    ...gauges.map((one) => [meter.createObservableGauge(...describe(one)), one] as const),
  ])
  const observe = (result: OpenTelemetry.BatchObservableResult): void => {
    recorder.look()
    for (const [instrument, numbers] of observed) {
      for (const [value, amount] of numbers.entries()) {
        const { label } = numbers
        result.observe(instrument, amount, label === undefined ? {} : { [label]: value })
      }
    }
  }
  meter.addBatchObservableCallback(observe, [...observed.keys()])
  return () => {
    meter.removeBatchObservableCallback(observe, [...observed.keys()])
    for (const one of durations) one.listener = undefined
  }
}

function describe({ name, help }: Numbers): [name: string, options: OpenTelemetry.MetricOptions] {
  return [`atxp.redis.${name}`, { description: help }]
}

/** As the conventions for database clients name them. The labels of a series are always the same object. */
function operationAttributes(): (labels: Labels) => OpenTelemetry.Attributes {
  const known = new WeakMap<Labels, OpenTelemetry.Attributes>()
  return (labels) => {
    const found = known.get(labels)
    if (found !== undefined) return found
    const { method = '', outcome, code } = labels
    const attributes = spanAttributes(method, outcome === 'failed' ? code || OTHER : undefined)
    known.set(labels, attributes)
    return attributes
  }
}

/** For errors that are not of the library. */
export const OTHER = '_OTHER'

/** @param errorType - undefined: it did not fail */
export function spanAttributes(method: string, errorType?: string): OpenTelemetry.Attributes {
  return {
    'db.system.name': 'redis',
    'db.operation.name': method,
    ...(errorType !== undefined && { 'error.type': errorType }),
  }
}
