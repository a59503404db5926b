import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { runIn } from './scratch.js'
import type { Runtime } from './tarball.global.js'

const scratch = inject('scratch')
const newest = inject('runtimes')
  .filter(({ kind }) => kind === 'node')
  .at(-1) as Runtime

const installed = join(scratch, 'node_modules/@atxp/redis')
const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const lists = entries.map(async (entry) => {
    if (!entry.isDirectory()) return [entry.name]
    const files = await filesIn(join(directory, entry.name))
    return files.map((file) => `${entry.name}/${file}`)
  })
  return (await Promise.all(lists)).flat()
}

test('an installation brings ioredis, its own hash of keys, and nothing of the SDK', async () => {
  expect(Object.keys(manifest.dependencies).sort()).toEqual(['cluster-key-slot', 'ioredis'])
  expect(manifest).not.toHaveProperty('optionalDependencies')
  expect(await readdir(join(scratch, 'node_modules/@atxp'))).toEqual(['redis'])
})

test('an installation holds the build and the texts, and one declaration file for each face', async () => {
  const root = await readdir(installed)
  expect(root.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json'])
  const faces = Object.values(manifest.exports)
    .filter((entry) => typeof entry === 'object')
    .flatMap((entry) => Object.values(entry as Record<string, { types: string }>))
    .map(({ types }) => types.replace('./dist/', ''))
  const files = await filesIn(join(installed, 'dist'))
  expect(files.filter((name) => /\.[cm]?ts$/.test(name)).sort()).toEqual(faces.sort())
})

test('a stack trace names the line of the source', async () => {
  const args = ['--enable-source-maps', 'stack.cjs']
  const { stdout } = await runIn(scratch, newest.path, args)
  const [, thrown] = JSON.parse(stdout).split('\n')
  expect(thrown).toMatch(/@atxp\/redis\/src\/\S+\.ts:\d+/)
})
