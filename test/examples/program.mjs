import { strictEqual } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The folder of an example: the copy that the command line names, else that of the repository. */
export function folderOf(name) {
  return process.argv[2] ?? fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
}

/** Starts a program whose first line says where it listens. */
export async function startProgram(path, env) {
  const child = spawnProgram(path, env, 'pipe')
  for await (const origin of createInterface({ input: child.stdout })) return { child, origin }
  throw new Error(`${path} ended before it listened`)
}

export async function stopProgram({ child }) {
  child.kill('SIGTERM')
  await expectEnd(child)
}

export function runProgram(path, env) {
  return expectEnd(spawnProgram(path, env, 'inherit'))
}

function spawnProgram(path, env, stdout) {
  return spawn(process.execPath, [path], {
    cwd: join(path, '..'),
    env: { ...process.env, ...env },
    stdio: ['ignore', stdout, 'inherit'],
  })
}

async function expectEnd(child) {
  const [code] = await once(child, 'exit')
  strictEqual(code, 0)
}
