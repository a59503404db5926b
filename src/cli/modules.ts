import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { kindOf, UsageError } from './arguments.js'

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
    throw new UsageError(
      `${option} ${file} cannot be loaded (${kindOf(error)}). See why with: node ${file}`,
    )
  }
  return module.default
}
