export { prometheusText, type StartMetricsOptions, startMetrics } from './metrics/start.js'
