import { execFileSync } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { installNodes } from '../../scripts/install.mjs'
import { packTarball } from '../../scripts/tarball.mjs'

/** Not a dev dependency: it would put its `tsc` before the one that builds. */
const OLDEST_TYPESCRIPT = '5.0.4'

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
  const packages = [tarball, `typescript@${OLDEST_TYPESCRIPT}`]
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...packages], { cwd: scratch })
  await cp(fileURLToPath(new URL('consumer', import.meta.url)), scratch, { recursive: true })
  project.provide('scratch', scratch)
  project.provide('nodes', await installNodes())
  return () => rm(scratch, { recursive: true })
}
