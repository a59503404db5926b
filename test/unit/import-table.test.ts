import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { table } from '../support/import-table/table.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

let directory: string
let refusals: Set<string>

/** The linters end with 1 when they find something, so only their output counts. */
function readReport(program: string, args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const file = join(root, 'node_modules/.bin', program)
    execFile(file, args, { cwd: directory, maxBuffer: 1e8 }, (_error, stdout) => resolve(stdout))
  })
}

async function refusedByBiome(): Promise<string[]> {
  const args = [
    'lint',
    '--only=style/noRestrictedImports',
    '--only=style/noCommonJs',
    '--reporter=json',
    '--max-diagnostics=none',
  ]
  const report = JSON.parse(await readReport('biome', [...args, 'src']))
  return report.diagnostics.map(
    (one: { location: { path: string; start: { line: number } } }) =>
      `${one.location.path}:${one.location.start.line}`,
  )
}

async function refusedByOxlint(): Promise<string[]> {
  const report = JSON.parse(await readReport('oxlint', ['--format=json', 'src']))
  return report.diagnostics.map(
    (one: { filename: string; labels: { span: { line: number } }[] }) =>
      `${one.filename}:${one.labels[0]?.span.line}`,
  )
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'atxp-redis-import-table-'))
  for (const name of ['biome.json', '.oxlintrc.json', '.gitignore']) {
    await copyFile(join(root, name), join(directory, name))
  }
  for (const { file, allowed, refused } of table) {
    await mkdir(dirname(join(directory, file)), { recursive: true })
    await writeFile(join(directory, file), [...allowed, ...refused, ''].join('\n'))
  }
  refusals = new Set([...(await refusedByBiome()), ...(await refusedByOxlint())])
}, 30_000)

afterAll(() => rm(directory, { recursive: true }))

test.each(table)(
  '$file may import its table row and nothing else',
  ({ file, allowed, refused }) => {
    const seen = [...allowed, ...refused].filter((_, index) => refusals.has(`${file}:${index + 1}`))
    expect(seen).toEqual(refused)
  },
)
