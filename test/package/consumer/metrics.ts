import type { RedisOAuthDatabase } from '@atxp/redis'
import { prometheusText, type StartMetricsOptions, startMetrics } from '@atxp/redis/metrics'

export function measure(db: RedisOAuthDatabase): string {
  const options: StartMetricsOptions = { publish: db }
  const stop: () => void = startMetrics(options)
  stop()
  return prometheusText()
}
