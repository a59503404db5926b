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

test('at the top stand the entry points and nothing else', () => {
  const { exports, bin } = JSON.parse(readFileSync(join(SRC, '../package.json'), 'utf8'))
  const named = JSON.stringify([exports, bin]).matchAll(/dist\/(\w+)\.(m?)js/g)
  const entries = [...named].map(([, name, m]) => `${name}.${m}ts`)
  const top = rooms.find(({ name }) => name === '')
  expect(top?.files.sort()).toEqual(entries.sort())
})

test('no other room has more than a dozen files', () => {
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
