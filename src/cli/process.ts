import { INTERRUPTED, runCommandLine } from './main.js'

/** The process of the command line. A second Ctrl-C ends it at once. */
export async function runProcess(): Promise<void> {
  const interrupted = new AbortController()
  process.on('SIGINT', () => {
    if (interrupted.signal.aborted) process.exit(INTERRUPTED)
    interrupted.abort()
  })
  process.once('SIGTERM', () => interrupted.abort())
  // Whoever read the output has seen enough, as `head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  // Nobody reads what it says any more; what it does goes on.
  process.stderr.on('error', () => {})
  // Where nothing keeps the process alive any more, as a promise in a module of the user's that never settles.
  process.exitCode = 1
  const { stdout, stderr, env } = process
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    stdout,
    stderr,
    env,
    signal: interrupted.signal,
  })
}
