import { channel } from 'node:diagnostics_channel'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CHANNELS, type SessionEvent } from '../../../src/leaves/diagnostics.js'
import { textOf } from '../../../src/metrics/prometheus.js'
import { Recorder } from '../../../src/metrics/recorder.js'

let recorder: Recorder
let stop: () => void

beforeEach(() => {
  recorder = new Recorder()
  stop = recorder.start()
})

afterEach(() => stop())

const tell = (name: keyof typeof CHANNELS, message: object): void =>
  channel(CHANNELS[name]).publish(message)

test.each([
  ['refreshes', 'refreshed', 'refreshed'],
  ['refreshes', 'refreshReused', 'reused'],
  ['refreshes', 'refreshRefused', 'refused'],
  ['refreshes', 'refreshRecordGone', 'gone'],
  ['refreshes', 'refreshPutOff', 'put_off'],
  ['refreshes', 'refreshFailed', 'failed'],
  ['refreshes', 'refreshUnknown', 'unknown'],
  ['refreshes', 'refreshForeign', 'foreign'],
  ['refreshes', 'refreshBound', 'bound'],
  ['registrations', 'registered', 'registered'],
  ['registrations', 'registrationShared', 'shared'],
  ['registrations', 'registrationFailed', 'failed'],
  ['registrations', 'registrationUnknown', 'unknown'],
  ['logins', 'loginNeeded', 'needed'],
  ['logins', 'loginReused', 'reused'],
  ['logins', 'loggedIn', 'done'],
  ['logins', 'loginFailed', 'failed'],
] as const)('%s: %s counts as %s, with its duration', (work, event, outcome) => {
  tell('session', { event, durationMs: 200 } satisfies SessionEvent)
  tell('session', { event } satisfies SessionEvent)
  const { count, durations } = recorder.families[work]
  expect(count.get(outcome)).toBe(2)
  expect(durations.get(outcome)?.seconds).toBe(0.2)
})

test.each([
  ['rests', '', 'session', { event: 'resting', retryAfterMs: 1_000 }],
  ['saveRetries', 'OUT_OF_MEMORY', 'session', { event: 'saveRetried', code: 'OUT_OF_MEMORY' }],
  ['pairsLost', '', 'session', { event: 'pairsLost', count: 1 }],
  ['clientsForgotten', '', 'session', { event: 'clientForgotten' }],
  ['waits', 'login', 'flight', { event: 'waited', kind: 'login' }],
  ['takeovers', 'refresh', 'flight', { event: 'tookOver', kind: 'refresh' }],
  ['losses', 'refresh', 'flight', { event: 'lost', kind: 'refresh' }],
  ['giveUps', 'singleFlight', 'flight', { event: 'gaveUp', kind: 'singleFlight' }],
  ['uncoordinated', 'registration', 'flight', { event: 'uncoordinated', kind: 'registration' }],
  ['connections', '', 'connection', { event: 'connected' }],
  ['reconnects', '', 'connection', { event: 'reconnected' }],
  ['connectionsLost', '', 'connection', { event: 'lost' }],
  ['connectionFailures', 'TLS_FAILED', 'connection', { event: 'failed', code: 'TLS_FAILED' }],
  ['timeouts', '', 'connection', { event: 'timedOut' }],
  ['redirections', '', 'connection', { event: 'redirected' }],
  ['cacheRequests', 'hit', 'cache', { event: 'hit' }],
  ['cacheRequests', 'miss', 'cache', { event: 'miss' }],
  ['cacheRests', '', 'cache', { event: 'rested' }],
  ['invalidations', '', 'cache', { event: 'invalidated', count: 1 }],
] as const)('%s{%s} counts an event of the %s channel', (family, value, channelName, message) => {
  tell(channelName, message)
  expect(recorder.families[family].get(value)).toBe(1)
  stop()
  tell(channelName, message)
  expect(recorder.families[family].get(value)).toBe(1)
})

test.each(['session', 'flight', 'connection', 'cache'] as const)(
  'an event of the %s channel that only a later copy of the package knows is left out, and ends no process',
  async (channelName) => {
    const before = textOf(recorder.families)
    const uncaught = vi.fn()
    process.on('uncaughtException', uncaught)
    tell(channelName, { event: 'later', kind: 'refresh' })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('uncaughtException', uncaught)
    expect(uncaught).not.toHaveBeenCalled()
    expect(textOf(recorder.families)).toBe(before)
  },
)

test('calls are measured by method, outcome and code', () => {
  tell('operation', { outcome: 'done', method: 'getToken', durationMs: 2 })
  tell('operation', { outcome: 'failed', method: 'getToken', durationMs: 3, code: 'TIMEOUT' })
  tell('operation', { outcome: 'failed', method: 'getToken', durationMs: 4, code: null })
  const all = [...recorder.families.operations.all()]
  expect(all.map(({ labels, seconds }) => [labels, seconds])).toEqual([
    [{ method: 'getToken', outcome: 'done', code: '' }, 0.002],
    [{ method: 'getToken', outcome: 'failed', code: 'TIMEOUT' }, 0.003],
    [{ method: 'getToken', outcome: 'failed', code: '' }, 0.004],
  ])
})
