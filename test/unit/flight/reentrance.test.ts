import { expect, test } from 'vitest'
import { Reentrance } from '../../../src/flight/reentrance.js'

test('refuses a name within work of that name, however deep, and nowhere else', async () => {
  const reentrance = new Reentrance()
  reentrance.refuse('a')
  await reentrance.within('a', async () => {
    await Promise.resolve()
    await reentrance.within('b', async () => {
      await Promise.resolve()
      expect(() => reentrance.refuse('a')).toThrow(TypeError)
      expect(() => reentrance.refuse('b')).toThrow('name')
      reentrance.refuse('c')
    })
    reentrance.refuse('b')
  })
  reentrance.refuse('a')
})

test('work of the same name that runs beside it is not within it', async () => {
  const reentrance = new Reentrance()
  let go: () => void = () => undefined
  const first = reentrance.within('a', () => new Promise<void>((resolve) => (go = resolve)))
  reentrance.refuse('a')
  go()
  await first
})
