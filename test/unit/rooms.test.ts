import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../../src', import.meta.url))
const MAX_FILES = 12
const MAX_LINES = 300

interface Room {
  name: string
  files: string[]
}

function roomsIn(directory: string): Room[] {
  const entries = readdirSync(directory, { withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
  const below = entries.filter((entry) => entry.isDirectory())
  return [
    { name: relative(SRC, directory), files },
    ...below.flatMap(({ name }) => roomsIn(join(directory, name))),
  ]
}

const rooms = roomsIn(SRC)

test('no room has more than a dozen files, but the top, where the entry points, the class and the leaves stand', () => {
  const large = rooms.filter(({ name, files }) => name !== '' && files.length > MAX_FILES)
  expect(large.map(({ name }) => name)).toEqual([])
})

test('no file has more than 300 lines', () => {
  const paths = rooms.flatMap(({ name, files }) => files.map((file) => join(name, file)))
  const linesOf = (path: string) =>
    readFileSync(join(SRC, path), 'utf8').trimEnd().split('\n').length
  expect(paths.length).toBeGreaterThan(100)
  expect(paths.filter((path) => linesOf(path) > MAX_LINES)).toEqual([])
})
