export type * from './metrics.js'
export { prometheusText, startMetrics } from './metrics.js'
