import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, test } from 'vitest'
import { runIn } from './scratch.js'

const scratch = inject('scratch')

const OLDEST = join(scratch, 'node_modules/typescript/bin/tsc')
const NEWEST = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))

/** How a program says by which rules its imports are found. */
const MODULES = {
  node16: { module: 'node16' },
  nodenext: { module: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
}

interface Program {
  tsc: string
  /** Whose types of Node. */
  node: '16' | '18' | 'newest'
  lib: string[]
  /** Files of `consumer/`, each compiled as a CommonJS and as an ES module. */
  sources: string[]
}

const documented = [
  'types.ts',
  'server.ts',
  'conformance.ts',
  'admin.ts',
  'mcp.ts',
  'referee.ts',
  'metrics.ts',
]

const PROGRAMS: Record<string, Program> = {
  'TypeScript 5.0 and the types of Node 16': {
    tsc: OLDEST,
    node: '16',
    lib: ['es2022'],
    sources: [...documented, 'fetch-untyped.ts'],
  },
  'TypeScript 5.0 and the types of Node 18': {
    tsc: OLDEST,
    node: '18',
    lib: ['es2022'],
    sources: [...documented, 'fetch.ts'],
  },
  'TypeScript 7.0 and the types of Node 16': {
    tsc: NEWEST,
    node: '16',
    lib: ['es2022'],
    sources: [...documented, 'fetch-untyped.ts'],
  },
  'TypeScript 7.0 and the types of Node 18': {
    tsc: NEWEST,
    node: '18',
    lib: ['es2022'],
    sources: [...documented, 'fetch.ts'],
  },
  'TypeScript 7.0 and the types of Node 26': {
    tsc: NEWEST,
    node: 'newest',
    lib: ['es2022'],
    sources: [...documented, 'fetch.ts', 'disposal.ts'],
  },
  'TypeScript 7.0, the types of Node 26, lib.dom and disposal': {
    tsc: NEWEST,
    node: 'newest',
    lib: ['es2022', 'dom', 'esnext.disposable'],
    sources: [...documented, 'fetch.ts', 'disposal.ts'],
  },
}

/** Compiles files of the scratch project, every declaration that they reach included. */
async function compile({ tsc, node, lib, sources }: Program, module: object): Promise<object> {
  const files: string[] = []
  for (const source of sources) {
    for (const extension of ['.mts', '.cts']) {
      const file = source.replace('.ts', extension)
      await copyFile(join(scratch, source), join(scratch, file))
      files.push(file)
    }
  }
  const compilerOptions = {
    ...module,
    strict: true,
    // Older types of Node do not compile with it themselves.
    exactOptionalPropertyTypes: node === 'newest',
    skipLibCheck: false,
    noEmit: true,
    target: 'es2022',
    lib,
    types: ['node'],
    typeRoots: [`types/${node}`],
  }
  await writeFile(join(scratch, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const { code, stdout } = await runIn(scratch, process.execPath, [tsc, '-p', scratch])
  return { code, stdout }
}

describe.each(Object.entries(PROGRAMS))('%s', (_name, program) => {
  test.each(Object.entries(MODULES))('compile the package under %s', async (_module, options) => {
    expect(await compile(program, options)).toEqual({ code: 0, stdout: '' })
  })
})
