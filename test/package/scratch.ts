import { execFile } from 'node:child_process'
import { performance } from 'node:perf_hooks'

const ENDS_WITHIN_MS = 50_000

export interface Run {
  code: number | string | null | undefined
  stdout: string
  stderr: string
  ms: number
}

/** Runs a program in the scratch project to its own end, or kills it when it does not end. */
export function runIn(
  directory: string,
  file: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Run> {
  const started = performance.now()
  const { PATH = '' } = process.env
  // Bun and Deno keep caches at home.
  const own = { PATH, HOME: directory, TMPDIR: directory }
  const options = { cwd: directory, env: { ...own, ...env }, timeout: ENDS_WITHIN_MS }
  return new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error.code ?? error.signal)
      resolve({ code, stdout, stderr, ms: performance.now() - started })
    })
  })
}
