import * as api from '@opentelemetry/api'
import { expect, test, vi } from 'vitest'

const runtime = vi.hoisted(() => ({ tracingChannel: undefined as unknown }))

vi.mock('node:diagnostics_channel', async (load) => ({
  ...(await load<object>()),
  get tracingChannel() {
    return runtime.tracingChannel
  },
}))

test.each([
  ['no tracingChannel, as Node before 18.19', undefined],
  ['one without stores', () => ({ start: { hasSubscribers: true }, asyncEnd: {} })],
])(
  'a runtime that has %s runs calls as they are, and has no spans',
  async (_what, tracingChannel) => {
    runtime.tracingChannel = tracingChannel
    vi.resetModules()
    const { operationTrace } = await import('../../../src/leaves/tracing.js')
    const { makeSpans } = await import('../../../src/metrics/spans.js')
    const stop = makeSpans(api)
    expect(operationTrace.isWatched).toBe(false)
    const work = Promise.resolve('done')
    const code = (): null => null
    expect(operationTrace.run('getToken', () => work, code)).toBe(work)
    stop()
  },
)
