import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { installNodes } from '../../scripts/install.mjs'
import { packTarball } from '../../scripts/tarball.mjs'

/** Not a dev dependency: it would put its `tsc` before the one that builds. */
const OLDEST_TYPESCRIPT = '5.0.4'

/** The types of Node that users compile with, by what the tests call them. */
const NODE_TYPES = { 16: '16.18.126', 18: '18.19.130', newest: '26.6.6' }

declare module 'vitest' {
  interface ProvidedContext {
    /** A project far from this repository that has the packed tarball installed. */
    scratch: string
    nodes: { version: string; path: string }[]
  }
}

/** Packs what npm would publish and installs it as a user would, once for all tests. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const scratch = await mkdtemp(join(tmpdir(), 'atxp-redis-package-'))
  const tarball = await packTarball(scratch)
  await writeFile(join(scratch, 'package.json'), JSON.stringify({ private: true }))
  const types = Object.entries(NODE_TYPES).map(
    ([name, version]) => `node-types-${name}@npm:@types/node@${version}`,
  )
  const packages = [tarball, `typescript@${OLDEST_TYPESCRIPT}`, ...types]
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...packages], { cwd: scratch })
  for (const name of Object.keys(NODE_TYPES)) {
    await mkdir(join(scratch, 'types', name), { recursive: true })
    const installed = join(scratch, 'node_modules', `node-types-${name}`)
    await symlink(installed, join(scratch, 'types', name, 'node'))
  }
  await cp(fileURLToPath(new URL('consumer', import.meta.url)), scratch, { recursive: true })
  project.provide('scratch', scratch)
  project.provide('nodes', await installNodes())
  return () => rm(scratch, { recursive: true })
}
