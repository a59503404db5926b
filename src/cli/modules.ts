import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from './arguments.js'

/**
 * What a module of the user's exports by default.
 * @param option - that names it
 * @throws UsageError
 */
export async function defaultExportOf(option: string, file: string): Promise<unknown> {
  let module: { default?: unknown }
  try {
    module = await import(pathToFileURL(resolve(file)).href)
  } catch (error) {
    // What it says may hold a secret.
    const { name = 'Error', code } = Object(error) as { name?: string; code?: string }
    const kind = code === undefined ? name : `${name} ${code}`
    throw new UsageError(`${option} ${file} cannot be loaded (${kind}). See why with: node ${file}`)
  }
  return module.default
}
