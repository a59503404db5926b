import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, inject, test } from 'vitest'
import { runIn } from './scratch.js'

const scratch = inject('scratch')
const modules = fileURLToPath(new URL('../../node_modules/', import.meta.url))

const COMPILERS = [
  {
    compiler: 'TypeScript 5.0',
    tsc: join(scratch, 'node_modules/typescript/bin/tsc'),
    hasDisposal: false,
  },
  { compiler: 'TypeScript 7.0', tsc: join(modules, 'typescript/bin/tsc'), hasDisposal: true },
]

const CASES = COMPILERS.flatMap((compiler) =>
  ['mts', 'cts'].map((extension) => ({ ...compiler, extension })),
)

/** Compiles one consumer file in the scratch project and gives what the compiler complains of. */
async function complaintsOf(tsc: string, source: string, extension: string, lib: string[]) {
  const name = source.replace('.ts', `.${extension}`)
  await copyFile(join(scratch, source), join(scratch, name))
  const compilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
    typeRoots: [join(modules, '@types')],
    lib,
  }
  const project = join(scratch, 'tsconfig.json')
  await writeFile(project, JSON.stringify({ compilerOptions, files: [name] }))
  const { stdout, stderr } = await runIn(scratch, process.execPath, [tsc, '-p', project])
  return stdout + stderr
}

for (const { compiler, tsc, extension, hasDisposal } of CASES) {
  test(`${compiler} sees the documented types from .${extension}`, async () => {
    expect(await complaintsOf(tsc, 'types.ts', extension, ['es2022'])).toBe('')
  })

  if (hasDisposal) {
    test(`${compiler} accepts await using from .${extension}`, async () => {
      const lib = ['es2022', 'esnext.disposable']
      expect(await complaintsOf(tsc, 'types.ts', extension, lib)).toBe('')
      expect(await complaintsOf(tsc, 'disposal.ts', extension, lib)).toBe('')
    })
  }
}
