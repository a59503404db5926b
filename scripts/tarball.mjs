import { join } from 'node:path'
import { expectedError } from './cleanup.mjs'
import { run } from './command.mjs'

/** Packs the package as npm would publish it, from the `dist` that is there, and gives the tarball's path. */
export async function packTarball(directory) {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory]
  const { code, output } = await run('npm', args, { env: { NO_COLOR: '1' } })
  if (code !== 0) throw expectedError(output)
  const [{ filename }] = JSON.parse(output.slice(output.indexOf('[')))
  return join(directory, filename)
}
