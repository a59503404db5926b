import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { REFRESH_PHASES } from '../../../../src/oauth/refresh/sending.js'
import { endsAlways, search } from '../../../support/model/search.js'
import {
  type FaultKind,
  type Model,
  type Mutation,
  PHASES,
  TICKS,
  type ViolationKind,
} from '../../../support/model/state.js'

const ROOM = 'src/oauth/refresh'
const FAULTS: readonly FaultKind[] = ['crash', 'stall', 'partition', 'redisAway']
const WRITES: readonly FaultKind[] = ['login', 'delete']
const CLOSE: readonly FaultKind[] = ['close', 'stall', 'partition', 'redisAway']
/** What an answer takes counts as a part of the outage that follows it. */
const ANSWERED_AT_ONCE = { ...TICKS, request: 1 }
const PROMISES: readonly ViolationKind[] = [
  'spentTokenSent',
  'pairLost',
  'writeUndone',
  'neverEnds',
]

const model = (changes: Partial<Model> = {}): Model => ({
  processes: 2,
  faults: 2,
  kinds: FAULTS,
  longestFault: TICKS.markWait,
  ticks: TICKS,
  ...changes,
})

describe('the refresh protocol, in every interleaving', () => {
  test('three processes and two faults: no spent token is sent, no pair is lost, nobody waits for ever', () => {
    const { kind, states } = search(model({ processes: 3 }), PROMISES)
    expect(kind).toBeUndefined()
    expect(states).toBeGreaterThan(100_000)
  }, 120_000)

  test('two processes, three faults, logins and deletions: the same, and no write of others is undone', () => {
    const kinds = [...FAULTS, ...WRITES]
    expect(search(model({ faults: 3, kinds }), PROMISES).kind).toBeUndefined()
  }, 120_000)

  test('two processes of which any may close: no pair is lost by close, however late the token is sent', () => {
    const changes = { faults: 3, kinds: CLOSE, ticks: ANSWERED_AT_ONCE }
    expect(search(model(changes), PROMISES).kind).toBeUndefined()
  }, 120_000)

  test('no run goes on for ever', () => {
    expect(endsAlways(model({ faults: 1, kinds: [...FAULTS, ...WRITES] }))).toBe(true)
  }, 120_000)
})

test('has the phases of the code, but for waits that only put a refresh off', () => {
  const outside = ['idle', 'failing', 'ended', 'closed', 'crashed']
  const ofModel = PHASES.filter((phase) => !outside.includes(phase))
  const ofCode = REFRESH_PHASES.filter((phase) => !['waitingForRescue', 'resting'].includes(phase))
  expect(ofModel).toEqual(ofCode)
})

test.each(REFRESH_PHASES)('the code names %s where it passes it', (phase) => {
  const files = readdirSync(ROOM).map((file) => readFileSync(join(ROOM, file), 'utf8'))
  const names = files.join('\n').match(/['`](\w+)['`]/g) ?? []
  // Once in the list of phases.
  expect(names.filter((name) => name.slice(1, -1) === phase).length).toBeGreaterThan(1)
})

describe('beyond its bounds', () => {
  test.each<[string, Partial<Model>, ViolationKind]>([
    [
      'a stall or partition that outlasts the wait for a mark',
      { longestFault: TICKS.markWait + 1, faults: 2 },
      'spentTokenSent',
    ],
    [
      'a partition that outlasts the rescue',
      { longestFault: TICKS.rescue + 1, faults: 1, kinds: ['partition', 'redisAway'] },
      'pairLost',
    ],
    [
      'a stall or partition that outlasts what is left of close',
      { longestFault: TICKS.markWait + 1, faults: 3, kinds: CLOSE, ticks: ANSWERED_AT_ONCE },
      'pairLost',
    ],
    ['an answer and a stall or partition that together outlast it', { kinds: CLOSE }, 'pairLost'],
  ])('%s breaks the promise', (bound, changes, kind) => {
    const outcome = search(model(changes), [kind])
    expect(outcome.kind).toBe(kind)
    process.stdout.write(`${bound}, the shortest way there:\n  ${outcome.trace?.join('\n  ')}\n`)
  })
})

describe('a protocol without one of its parts', () => {
  test('noLastSend is found out', () => {
    const changes: Partial<Model> = { faults: 3, kinds: CLOSE, ticks: ANSWERED_AT_ONCE }
    expect(search(model({ ...changes, mutation: 'noLastSend' }), PROMISES).kind).toBe('pairLost')
  }, 60_000)

  test.each<[Mutation, ViolationKind]>([
    ['noMark', 'spentTokenSent'],
    ['noMarkWait', 'spentTokenSent'],
    ['anyMarkWait', 'spentTokenSent'],
    ['noRecheck', 'spentTokenSent'],
    ['noTakeBack', 'spentTokenSent'],
    ['noLeaseCheck', 'spentTokenSent'],
    ['noCompare', 'writeUndone'],
  ])(
    '%s is found out',
    (mutation, kind) => {
      const kinds = [...FAULTS, ...WRITES]
      expect(search(model({ mutation, faults: 3, kinds }), PROMISES).kind).toBe(kind)
    },
    60_000,
  )
})
