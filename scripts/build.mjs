import { chmod, readdir, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expectedError } from './cleanup.mjs'
import { root, run } from './command.mjs'
import { installNodeModules } from './install.mjs'
import { runScript } from './run-script.mjs'

/** Compiles beside `dist` and then takes its place, so that nobody meets half a build. */
async function build() {
  await installNodeModules()
  const { bundleDeclarations } = await import('./declarations.mjs')
  const fresh = join(root, `dist-${process.pid}`)
  const compiler = join(root, 'node_modules/.bin/tsc')
  const { code, output } = await run(compiler, ['-p', root, '--outDir', fresh])
  try {
    if (code !== 0) throw expectedError(output)
    const files = await readdir(fresh)
    for (const file of files.filter((name) => name.endsWith('.mjs'))) {
      await compareFaces(join(fresh, file))
    }
    await bundleDeclarations(fresh)
    await chmod(join(fresh, 'cli.js'), 0o755)
    await rm(join(root, 'dist'), { recursive: true, force: true })
    await rename(fresh, join(root, 'dist'))
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

/** An ESM face lists by hand what its CommonJS file exports: nothing may be missing from it. */
async function compareFaces(face) {
  const module = createRequire(face)(face.replace(/\.mjs$/, '.js'))
  const expected = Object.keys(module).sort().join(', ')
  const actual = Object.keys(await import(pathToFileURL(face)))
    .sort()
    .join(', ')
  if (actual !== expected) {
    throw expectedError(
      `src/${face
        .split('/')
        .at(-1)
        .replace(/\.mjs$/, '.mts')} gives other names than its .ts file:\n` +
        `  .mts: ${actual}\n  .ts:  ${expected}`,
    )
  }
}

await runScript({ usage: 'npm run build      compiles src to dist', main: build })
