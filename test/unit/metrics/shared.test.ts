import { expect, test } from 'vitest'
import { Shared } from '../../../src/metrics/shared.js'

test('is begun by the first and ended by the last, whoever gives it up twice', () => {
  const told: string[] = []
  const shared = new Shared(() => {
    told.push('begun')
    return () => void told.push('ended')
  })
  const [first, second] = [shared.use(), shared.use()]
  first()
  first()
  expect(told).toEqual(['begun'])
  second()
  expect(told).toEqual(['begun', 'ended'])
  shared.use()()
  expect(told).toEqual(['begun', 'ended', 'begun', 'ended'])
})
