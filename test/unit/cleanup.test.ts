import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const scripts = new URL('../../scripts/', import.meta.url)

/** What it starts writes into its folder, and tells its own id through the descriptor that `run` reads. */
const SCRIPT = `
  import { join } from 'node:path'
  import { runMain, temporaryFolder } from '${new URL('cleanup.mjs', scripts)}'
  import { run } from '${new URL('command.mjs', scripts)}'

  await runMain(async () => {
    const folder = await temporaryFolder()
    const onMessage = (pid) => console.log(JSON.stringify({ folder, pid: Number(pid) }))
    const loop = 'echo $$ >&3; while :; do : > "$0"; done'
    await run('sh', ['-c', loop, join(folder, 'written')], { onMessage })
    console.log('goes on')
  })
`

it.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)(
  'a script that is stopped by %s ends what it has started, removes its folders and begins nothing more',
  async (signal, code) => {
    const args = ['--input-type=module', '--eval', SCRIPT]
    const script = spawn(process.execPath, args, {
      cwd: fileURLToPath(scripts),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = once(script, 'close')
    const lines = createInterface({ input: script.stdout })
    const [line] = await once(lines, 'line')
    const more: string[] = []
    lines.on('line', (one) => more.push(one))
    const { folder, pid } = JSON.parse(line)
    expect(existsSync(folder)).toBe(true)
    script.kill(signal)
    expect(await ended).toEqual([code, null])
    expect(more).toEqual([])
    expect(existsSync(folder)).toBe(false)
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  },
)
