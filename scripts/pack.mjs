import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { expectedError } from './cleanup.mjs'
import { root, run } from './command.mjs'
import { misuse, runScript } from './run-script.mjs'
import { packTarball } from './tarball.mjs'
import { print } from './terminal.mjs'

const USAGE = `npm run pack -- DIRECTORY      packs the dist that is there, for a release

DIRECTORY gets the tarball, its bill of materials (CycloneDX) and the SHA-256 of both.`

async function main(_options, [directory, ...others]) {
  if (directory === undefined) throw misuse('No directory was given')
  if (others.length > 0) throw misuse(`One directory is enough: ${others.join(', ')}`)
  const target = resolve(directory)
  await mkdir(target, { recursive: true })
  const files = [await packTarball(target), await writeBillOfMaterials(target)]
  const sums = await Promise.all(
    files.map(async (file) => `${await sha256(file)}  ${basename(file)}\n`),
  )
  await writeFile(join(target, 'SHA256SUMS'), sums.join(''))
  print(sums.join('').trimEnd())
}

/** What the package brings with it. The dev dependencies are in no tarball. */
async function writeBillOfMaterials(directory) {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--omit', 'peer']
  const { code, output } = await run('npm', args, { cwd: root, env: { NO_COLOR: '1' } })
  if (code !== 0) throw expectedError(output)
  const path = join(directory, 'sbom.cdx.json')
  const bill = JSON.parse(output.slice(output.indexOf('{')))
  // npm takes the name of the folder.
  bill.metadata.component.name = '@atxp/redis'
  await writeFile(path, `${JSON.stringify(bill, null, 2)}\n`)
  return path
}

async function sha256(file) {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
}

await runScript({ usage: USAGE, allowPositionals: true, main })
