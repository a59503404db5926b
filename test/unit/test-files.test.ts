import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

// What CONTRIBUTING.md says of tests. The linter sees to it that none is focused or skipped.

const TESTS = fileURLToPath(new URL('..', import.meta.url))
const MAX_LINES = 400

const files = pathsIn(TESTS)
  .filter((path) => path.endsWith('.test.ts') && path !== fileURLToPath(import.meta.url))
  .map((path) => ({ name: relative(TESTS, path), text: readFileSync(path, 'utf8') }))

function pathsIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    return entry.isDirectory() ? pathsIn(path) : [path]
  })
}

const holdsTime = (text: string) => /vi\.useFakeTimers|\bholdTime\(/.test(text)

const namesOf = (found: typeof files) => found.map(({ name }) => name)

describe('no test file', () => {
  it('has more than 400 lines', () => {
    expect(namesOf(files.filter(({ text }) => text.split('\n').length > MAX_LINES))).toEqual([])
  })

  it('runs a test again that has failed', () => {
    expect(namesOf(files.filter(({ text }) => /\bretry\s*:/.test(text)))).toEqual([])
  })

  it('sleeps: what lasts is in test/support, and what is waited for is a fact', () => {
    const sleeping = files.filter(
      ({ text }) =>
        /\bsetTimeout\(|timers\/promises/.test(text.replace(/import \{ setImmediate.*/, '')) &&
        !holdsTime(text),
    )
    expect(namesOf(sleeping)).toEqual([])
  })
})

describe('every program that a test starts', () => {
  const ADDRESS = /\bURL\(\s*'([^']+\.[mc]?[jt]s)',\s*import\.meta\.url/g
  const sources = ['test', 'bench', 'examples', 'scripts'].flatMap((folder) =>
    pathsIn(join(TESTS, '..', folder)).filter((path) => /\.[mc]?[jt]s$/.test(path)),
  )

  it('is where its name says', () => {
    const programs = sources.flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(ADDRESS)].map(([, name = '']) =>
        join(path, '..', name),
      ),
    )
    expect(programs.length).toBeGreaterThan(5)
    expect(programs.filter((path) => !existsSync(path))).toEqual([])
  })
})

describe('no unit test', () => {
  it('limits what a clock shows, unless the clock is held', () => {
    const timing = files.filter(
      ({ name, text }) =>
        name.startsWith('unit/') &&
        /\bperformance\.now\(\)[^)]*\)\s*\.toBe(Less|Greater)/.test(text) &&
        !holdsTime(text),
    )
    expect(namesOf(timing)).toEqual([])
  })
})
