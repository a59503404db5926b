import { readdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import { expectedError } from './cleanup.mjs'

/** What the other entry points import the types from that they share with it: a class is declared once. */
const MAIN = 'index'

/** Replaces the compiler's declarations in `directory`, one a file of src, by one for each entry point. */
export async function bundleDeclarations(directory) {
  const faces = (await readdir(directory)).filter((name) => name.endsWith('.d.mts'))
  const entries = faces.map((name) => name.replace(/\.d\.mts$/, ''))
  const main = await bundle(directory, MAIN)
  const bundles = [main]
  for (const entry of entries.filter((name) => name !== MAIN)) {
    const other = await bundle(directory, entry, main)
    const shared = other.importedBindings[`./${MAIN}.js`] ?? []
    const missing = shared.filter((name) => !main.exports.includes(name))
    if (missing.length > 0) {
      throw expectedError(`src/${entry}.ts shows ${missing.join(', ')}: export from src/${MAIN}.ts`)
    }
    bundles.push(other)
  }
  await removeDeclarations(directory)
  for (const { file, code } of bundles) await writeFile(file, code)
}

async function bundle(directory, entry, main) {
  const file = join(directory, `${entry}.d.ts`)
  const bundle = await rollup({
    input: file,
    external: /^[^./]/,
    plugins: [main && sharedWith(main), dts()],
    onwarn: ({ message }) => {
      throw expectedError(message)
    },
  })
  // Compilers that are not told to load Node's types find them all the same.
  const { output } = await bundle.generate({ banner: '/// <reference types="node" />' })
  await bundle.close()
  const [{ code, exports, importedBindings, modules }] = output
  const values = Object.keys(createRequire(file)(file.replace(/\.d\.ts$/, '.js')))
  return { file, code: exportTypesAsTypes(code, values), exports, importedBindings, modules }
}

/** The bundler shows every class as a value, those too that the entry point exports as a type only. */
function exportTypesAsTypes(code, values) {
  return code.replace(/^export \{ (.*) \};$/m, (_line, list) => {
    const names = list.split(', ')
    const types = names.filter((name) => !values.includes(name))
    const lines = [`export { ${names.filter((name) => values.includes(name)).join(', ')} };`]
    if (types.length > 0) lines.push(`export type { ${types.join(', ')} };`)
    return lines.join('\n')
  })
}

/** Has what stands in `main` already imported from there. */
function sharedWith(main) {
  return {
    name: 'shared-with-main',
    async resolveId(source, importer, options) {
      const found = importer && (await this.resolve(source, importer, options))
      if (!found || found.external || !Object.hasOwn(main.modules, found.id)) return null
      return { id: `./${MAIN}.js`, external: true }
    },
  }
}

async function removeDeclarations(directory) {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await removeDeclarations(path)
    else if (entry.name.endsWith('.d.ts')) await rm(path)
  }
}
