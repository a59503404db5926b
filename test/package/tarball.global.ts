import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { installDownloads } from '../../scripts/install.mjs'
import { tarballToTest } from '../../scripts/tarball.mjs'

/** The types of Node that users compile with, by what the tests call them. */
const NODE_TYPES = ['16', '18', 'newest']

const OLDEST_TYPESCRIPT = 'typescript-5.0.4'

export interface Runtime {
  kind: 'node' | 'bun' | 'deno'
  version: string
  path: string
}

declare module 'vitest' {
  interface ProvidedContext {
    /** A project far from this repository that has the packed tarball installed. */
    scratch: string
    /** Its path. */
    tarball: string
    runtimes: Runtime[]
    /** The folder of the modules that only tests need. */
    modules: string
  }
}

/** Packs what npm would publish and installs it as a user would, once for all tests. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const scratch = await mkdtemp(join(tmpdir(), 'atxp-redis-package-'))
  const tarball = await tarballToTest(scratch)
  await writeFile(join(scratch, 'package.json'), JSON.stringify({ private: true }))
  execFileSync('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: scratch })
  const { runtimes, modules } = await installDownloads()
  await symlink(join(modules, OLDEST_TYPESCRIPT), join(scratch, 'node_modules/typescript'))
  for (const name of NODE_TYPES) {
    await mkdir(join(scratch, 'types', name), { recursive: true })
    await symlink(join(modules, `node-types-${name}`), join(scratch, 'types', name, 'node'))
  }
  await cp(fileURLToPath(new URL('consumer', import.meta.url)), scratch, { recursive: true })
  project.provide('scratch', scratch)
  project.provide('tarball', tarball)
  project.provide('runtimes', runtimes as Runtime[])
  project.provide('modules', modules)
  return () => rm(scratch, { recursive: true })
}
