import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ENCRYPTION_KEYS_VARIABLE, HASH_KEY_VARIABLE } from '../../src/crypto/keyring.js'
import { RedisOAuthDatabase } from '../../src/database/redis-oauth-database.js'
import { DEFAULTS } from '../../src/leaves/defaults.js'
import { Families } from '../../src/metrics/families.js'
import { ENV_NAMES } from '../../src/options/environment.js'
import { NAMES } from '../../src/options/rules.js'
import { KINDS } from '../../src/record/kinds.js'
import { methodsOf } from '../support/methods-of.js'
import { aclRule, COMMANDS } from '../support/servers/acl-rule.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A page without its fenced blocks. */
const proseOf = (page: string) => textOf(page).replace(/^```.*\n[\s\S]*?^```$/gm, '')
const textOf = (path: string) => readFileSync(join(root, path), 'utf8')

/** The rows of every table under a heading, as cells, without the heads. */
function rowsUnder(page: string, heading: string): string[][] {
  const sections = proseOf(page).split(/^(?=## )/m)
  const section = sections.find((one) => one.startsWith(`## ${heading}\n`))
  if (section === undefined) throw new Error(`${page} has no section ${heading}`)
  return section
    .split('\n')
    .filter((line, index, lines) => line.startsWith('|') && !/^\|-/.test(lines[index + 1] ?? ''))
    .filter((line) => !/^\|-/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )
}

const codeIn = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

const sorted = (names: Iterable<string>) => [...names].sort()

test('docs/reference.md lists every option with its default', () => {
  const documented = rowsUnder('docs/reference.md', 'Options').map(([name, value]) => [
    codeIn(name)[0],
    codeIn(value)[0],
  ])
  const defaults = DEFAULTS.database as Record<string, unknown>
  const expected = NAMES.map((name) => [name, literal(defaults[name])])
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(expected))
  expect(documented).toHaveLength(NAMES.length)
})

function literal(value: unknown): string | undefined {
  if (value === undefined) return undefined
  return typeof value === 'string' ? `'${value}'` : String(value)
}

test('docs/reference.md lists every method', () => {
  const documented = rowsUnder('docs/reference.md', 'Methods')
    .flatMap(([names]) => codeIn(names))
    .map((code) => code.replace(/\(.*/, '').replace('RedisOAuthDatabase.', ''))
  expect(sorted(documented)).toEqual(sorted(['fromEnv', ...methodsOf(RedisOAuthDatabase)]))
})

test('docs/errors.md has one row for every code', () => {
  const codes = [...textOf('src/leaves/errors.ts').matchAll(/^ {2}\| '([A-Z_]+)'$/gm)]
  const documented = rowsUnder('docs/errors.md', 'By code').map(([code]) => codeIn(code)[0] ?? '')
  expect(sorted(documented)).toEqual(sorted(codes.map(([, code = '']) => code)))
})

test('docs/guarantees.md explains every event', () => {
  const events = [
    ...textOf('src/leaves/diagnostics.ts').matchAll(/^(?: {4}\|| {2}event:) '(\w+)'$/gm),
  ]
  const documented = rowsUnder('docs/guarantees.md', 'Watching it').map(([event]) => codeIn(event))
  expect(sorted(documented.flat())).toEqual(sorted(events.map(([, event = '']) => event)))
})

test('docs/metrics.md lists every metric, and every value of a label that is known', () => {
  const { durations, counters, gauges } = new Families()
  const rows = rowsUnder('docs/metrics.md', 'All metrics')
  expect(sorted(rows.flatMap(([names]) => codeIn(names)))).toEqual(
    sorted([
      ...durations.map(({ name }) => `${name}_seconds`),
      ...counters.map(({ name }) => `${name}_total`),
      ...gauges.map(({ name }) => name),
    ]),
  )
  const labels = codeIn(rows.map(([, cell]) => cell).join())
  expect(labels).toEqual(
    expect.arrayContaining(
      counters.flatMap((one) => [...one.entries()].map(([value]) => value)).filter(Boolean),
    ),
  )
})

test('docs/connecting.md lists every environment variable', () => {
  const documented = rowsUnder('docs/connecting.md', 'From the environment')
  expect(
    Object.fromEntries(documented.map(([name, option]) => [codeIn(option)[0], codeIn(name)[0]])),
  ).toEqual({
    ...ENV_NAMES,
    'encryption.keys': ENCRYPTION_KEYS_VARIABLE,
    'hashKeys.key': HASH_KEY_VARIABLE,
  })
})

test('docs/operations.md shows the ACL rule that the tests run under', () => {
  const rule = /^ACL SETUSER \S+ on >\S+ (.*)$/m.exec(textOf('docs/operations.md'))?.[1]
  expect(rule).toBe(aclRule('atxp:oauth:'))
})

test('docs/operations.md says of each command of that rule who sends it', () => {
  const documented = rowsUnder('docs/operations.md', 'Commands').flatMap(([names]) => codeIn(names))
  expect(sorted(documented)).toEqual(sorted(COMMANDS.map((name) => name.toUpperCase())))
})

test('docs/operations.md says of each kind of record where its format is', () => {
  const documented = rowsUnder('docs/operations.md', 'Versions side by side').flatMap(([kinds]) =>
    codeIn(kinds),
  )
  expect(sorted(documented)).toEqual(sorted(Object.keys(KINDS)))
})

test('docs/architecture.md names every room and every file beside them', () => {
  const names = filesUnder('src')
    .filter((path) => path.endsWith('.ts'))
    .map((path) => path.replace(/^src\/([^/]*\/?).*/, '$1'))
  const text = textOf('docs/architecture.md')
  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([])
})

test('docs/architecture.md names files that are there for what is often changed, four at most', () => {
  const rows = rowsUnder('docs/architecture.md', 'Where to change what')
  expect(rows.length).toBeGreaterThan(8)
  const paths = rows.map(([, files]) => codeIn(files).filter((name) => /^[a-z].*\.\w+$/.test(name)))
  const isThere = (path: string) =>
    existsSync(join(root, 'src', path)) || existsSync(join(root, path))
  expect(paths.flat().filter((path) => !isThere(path))).toEqual([])
  expect(Math.max(...paths.map(({ length }) => length))).toBeLessThanOrEqual(4)
})

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    return entry.isDirectory() ? filesUnder(path) : [path]
  })
}

test('every example imports packages alone, so that it can be copied', () => {
  const programs = filesUnder('examples').filter((path) => path.endsWith('.mjs'))
  expect(programs.length).toBeGreaterThan(8)
  expect(programs.filter((path) => / from '\.\.?\//.test(textOf(path)))).toEqual([])
})

const pages = [...readdirSync(root), ...filesUnder('docs'), ...filesUnder('examples')].filter(
  (path) => path.endsWith('.md'),
)

test('the README leads to every page of docs/', () => {
  const text = textOf('README.md')
  const all = pages.filter((page) => page.startsWith('docs/'))
  expect(all.filter((page) => !text.includes(`](${page}`))).toEqual([])
})

test.each(pages)('every link of %s leads somewhere', (page) => {
  const dead = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^(https?|mailto):/.test(target))
    .filter((target) => !leadsSomewhere(page, target))
  expect(dead).toEqual([])
})

test('every link to docs/ in a message or a doc comment leads somewhere', () => {
  const links = filesUnder('src').flatMap((path) =>
    [...textOf(path).matchAll(/(?:\$\{DOCS\}|blob\/main\/docs)\/([\w.-]+\.md(?:#[\w-]+)?)/g)].map(
      ([, target = '']) => target,
    ),
  )
  expect(links.length).toBeGreaterThan(5)
  expect(links.filter((target) => !leadsSomewhere('docs/x.md', target))).toEqual([])
})

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(root, file))) return false
  return anchor === undefined || anchorsOf(file).includes(anchor)
}

/** As GitHub makes them from headings. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}
