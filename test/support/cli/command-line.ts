import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { onTestFinished } from 'vitest'
import { runCommandLine } from '../../../src/cli/main.js'

const PROGRAM = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))

export interface Run {
  code: number
  stdout: string
  stderr: string
}

export interface Setting {
  env?: Record<string, string>
  isTerminal?: boolean
  signal?: AbortSignal
  /** Told of what the command writes, on either stream. */
  onText?: (text: string) => void
}

/** Runs a command in this process, which is quick. */
export async function run(
  args: readonly string[],
  {
    env = {},
    isTerminal = false,
    signal = new AbortController().signal,
    onText = () => {},
  }: Setting = {},
): Promise<Run> {
  const written = { stdout: '', stderr: '' }
  const stream = (name: keyof typeof written) => ({
    isTTY: isTerminal,
    write: (text: string): boolean => {
      written[name] += text
      onText(text)
      return true
    },
    once: () => undefined,
  })
  const code = await runCommandLine(args, {
    env,
    signal,
    stdout: stream('stdout') as never,
    stderr: stream('stderr') as never,
  })
  return { code, ...written }
}

export interface Terminal {
  /** All that the program wrote so far, on either stream. */
  readonly screen: () => string
  /** As a user sees it, without what moves the cursor and colours. */
  readonly text: () => string
  /** Presses keys: `\u0003` is Ctrl-C. */
  press(keys: string): void
  readonly exited: Promise<number>
}

/** Runs the built program in a pseudo-terminal, which `script` of util-linux makes. */
export function runInTerminal(args: readonly string[], env: Record<string, string>): Terminal {
  const words = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(' ')
  // -e: the exit code of the program.
  const child = spawn('script', ['-qefc', words, '/dev/null'], {
    env: { PATH: process.env.PATH, TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let screen = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text
  })
  onTestFinished(() => void child.kill())
  return {
    screen: () => screen,
    text: () => stripVTControlCharacters(screen),
    press: (keys) => void child.stdin.write(keys),
    exited: new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve(code ?? -1))
    }),
  }
}

/** Runs the built program as a process of its own, with pipes in the place of a terminal. */
export async function runProgram(
  args: readonly string[],
  env: Record<string, string>,
): Promise<Run> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = { stdout: '', stderr: '' }
  child.stdout.on('data', (text) => {
    written.stdout += text
  })
  child.stderr.on('data', (text) => {
    written.stderr += text
  })
  const code = await new Promise<number>((resolve) =>
    child.once('close', (one) => resolve(one ?? -1)),
  )
  return { code, ...written }
}
