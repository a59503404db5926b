import { operationsOf } from '../database/operations-of.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import { DEFAULTS } from '../leaves/defaults.js'
import { flag, members, value } from '../options/checks.js'
import { type Api, feedMeter, openTelemetryApi } from './open-telemetry.js'
import { textOf } from './prometheus.js'
import { publishCounts } from './publisher.js'
import { Recorder } from './recorder.js'
import { Shared } from './shared.js'
import { makeSpans } from './spans.js'

export interface StartMetricsOptions {
  /**
   * Publishes one line of counts a second over this database's connection, for `atxp-redis watch`, until that database is closed.
   * @defaultValue nothing is published
   * @example
   * ```ts
   * import { RedisOAuthDatabase } from '@atxp/redis'
   * import { startMetrics } from '@atxp/redis/metrics'
   *
   * const db = RedisOAuthDatabase.fromEnv()
   * const stop = startMetrics({ publish: db })
   * await db.storeToken('user_123', 'token_value')
   * stop()
   * await db.close()
   * ```
   */
  readonly publish?: RedisOAuthDatabase | undefined
  /**
   * Makes a span of OpenTelemetry of each call of a method, and of each refresh, within the caller's span and without any argument. It has
   * `db.system.name`, `db.operation.name`, and `error.type` where it failed. From Node 18.19 on; before, and without `@opentelemetry/api`, there are none.
   * @defaultValue `false`
   * @example
   * ```ts
   * import { startMetrics } from '@atxp/redis/metrics'
   *
   * startMetrics({ spans: true })
   * ```
   */
  readonly spans?: boolean | undefined
}

const checkOptions = members('an object', {
  publish: value('a RedisOAuthDatabase', (given) => typeof given === 'object' && given !== null),
  spans: flag,
})

const recorder = new Recorder()
const recording = new Shared(() => recorder.start())
const meter = new Shared(() => whereInstalled((api) => feedMeter(api, recorder)))
const spans = new Shared(() => whereInstalled(makeSpans))

/** Begins once the API of OpenTelemetry is loaded, if it is there. Returns what ends that. */
function whereInstalled(begin: (api: Api) => () => void): () => void {
  let end: (() => void) | undefined
  let isOver = false
  void openTelemetryApi().then((api) => {
    if (api !== undefined && !isOver) end = begin(api)
  })
  return () => {
    isOver = true
    end?.()
  }
}

/**
 * Counts and measures what all databases of this process do, from now on: see {@link prometheusText}. Feeds OpenTelemetry as well if
 * `@opentelemetry/api` is installed: start its SDK before. Costs a call that asks Redis less than 3 %; a read from memory is counted and not timed.
 * @returns what ends it; until then a process may still end by itself
 * @throws TypeError for an option that there is not, and a `publish` that is no database of the same copy of this package
 * @example
 * ```ts
 * import { RedisOAuthDatabase } from '@atxp/redis'
 * import { prometheusText, startMetrics } from '@atxp/redis/metrics'
 *
 * const stop = startMetrics()
 * const db = RedisOAuthDatabase.fromEnv()
 * await db.getToken('user_123')
 * console.log(prometheusText().includes('method="getToken",outcome="done"')) // true
 * stop()
 * await db.close()
 * ```
 */
export function startMetrics(options: StartMetricsOptions = {}): () => void {
  checkOptions(options, 'options')
  const { publish, spans: isTracing = DEFAULTS.metrics.spans } = options
  const operations = publish && operationsOf(publish)
  const ends = [recording.use(), meter.use()]
  if (isTracing) ends.push(spans.use())
  if (operations !== undefined) ends.push(publishCounts(operations, recorder.families))
  return () => {
    for (const end of ends) end()
  }
}

/**
 * Returns all that was counted since the first {@link startMetrics}, in the text format of Prometheus: the body of `/metrics`, whose content type is
 * `text/plain; version=0.0.4`. No user, URL or token is in it. docs/metrics.md lists the names.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { prometheusText, startMetrics } from '@atxp/redis/metrics'
 *
 * startMetrics()
 * const server = createServer((_, response) => {
 *   response.setHeader('content-type', 'text/plain; version=0.0.4').end(prometheusText())
 * })
 * server.listen(0, () => server.close())
 * ```
 */
export function prometheusText(): string {
  recorder.look()
  return textOf(recorder.families)
}
