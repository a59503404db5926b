// Counts and publishes, without OpenTelemetry, and ends by itself.
import { RedisOAuthDatabase } from '@atxp/redis'
import { prometheusText, startMetrics } from '@atxp/redis/metrics'

const db = RedisOAuthDatabase.fromEnv()
// Node has what spans need from 18.19 on; before, there are none.
startMetrics({ publish: db, spans: true })
await db.storeToken('user_123', 'token_value')
await db.close()
const counted = /^atxp_redis_operation_duration_seconds_count\{method="storeToken".*\} (\d+)$/m
console.log(JSON.stringify({ stored: Number(counted.exec(prometheusText())?.[1]) }))
