import { copyFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expectedError } from './cleanup.mjs'
import { run } from './command.mjs'

/** The tarball to test, in the directory: that of `PACKAGE_TARBALL`, which is about to be published, else one packed now. */
export async function tarballToTest(directory) {
  const given = process.env.PACKAGE_TARBALL
  if (given === undefined || given === '') return packTarball(directory)
  const path = join(directory, basename(given))
  await copyFile(given, path)
  return path
}

/** Packs the package as npm would publish it, from the `dist` that is there, and gives the tarball's path. */
export async function packTarball(directory) {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory]
  const { code, output } = await run('npm', args, { env: { NO_COLOR: '1' } })
  if (code !== 0) throw expectedError(output)
  const [{ filename }] = JSON.parse(output.slice(output.indexOf('[')))
  return join(directory, filename)
}
