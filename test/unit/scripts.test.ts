import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TIMEOUT_MS = 30_000

/** Each file of these folders is a script, or is imported by one. */
const files = ['scripts', 'bench'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => ({
      path: `${folder}/${name}`,
      text: readFileSync(join(ROOT, folder, name), 'utf8'),
    })),
)
const scripts = files.filter(({ text }) => text.includes('await runScript('))

interface Answer {
  code: number
  stdout: string
  stderr: string
}

function call(script: string, ...args: string[]): Promise<Answer> {
  // Nothing that it may find may make it go on.
  const env = { PATH: '', HOME: '/nonexistent', NO_COLOR: '1' }
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, script), ...args],
      { env, cwd: ROOT },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })
}

describe.concurrent('every script', { timeout: TIMEOUT_MS }, () => {
  it.each(scripts.map(({ path }) => path))('answers --help by its usage: %s', async (path) => {
    const { code, stdout, stderr } = await call(path, '--help')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^(npm |node (scripts|bench)\/)/)
  })

  it.each(scripts.map(({ path }) => path))(
    'answers what it does not know by words, its usage and code 2: %s',
    async (path) => {
      const usage = (await call(path, '--help')).stdout
      const { code, stdout, stderr } = await call(path, '--nonsense')
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toBe(`\nUnknown option '--nonsense'\n\n${usage}`)
    },
  )

  it.each(
    scripts.flatMap(({ path, text }) =>
      [...text.matchAll(/(\w+): \{ type: 'string'/g)].map(([, option]) => [path, option ?? '']),
    ),
  )('answers an option without its value so too: %s --%s', async (path, option) => {
    const { code, stderr } = await call(path, `--${option}`)
    expect(code).toBe(2)
    expect(stderr).toMatch(new RegExp(`^\nOption '--${option} <value>' argument missing\n\n`))
    expect(stderr).not.toMatch(/\n +at /)
  })

  it.each([
    ['scripts/test.mjs', 'nonsense', 'No such step: nonsense'],
    ['scripts/untouched.mjs', 'nonsense', 'No such command: nonsense'],
    ['scripts/build.mjs', 'nonsense', "Unexpected argument 'nonsense'"],
    ['scripts/pack.mjs', undefined, 'No directory was given'],
    ['bench/run.mjs', 'nonsense', 'No such scenario: nonsense'],
    ['bench/run.mjs', '--seconds=-1', '--seconds takes a number above 0, not -1'],
    ['bench/soak.mjs', '--seconds=soon', '--seconds takes a number above 0, not soon'],
    ['bench/fuzz-replies.mjs', '--seconds=0', '--seconds takes a number above 0, not 0'],
    ['bench/sizing.mjs', '--users=0', '--users takes a number above 0, not 0'],
    ['bench/faults.mjs', '--repeats=0', '--repeats takes a number above 0, not 0'],
    ['bench/fleet-scenarios.mjs', '--database=other', 'No such database: other'],
    ['bench/fleet-scenarios.mjs', '--processes=8,x', '--processes takes a number above 0, not x'],
  ])('answers what it cannot take so too: %s %s', async (path, argument, words) => {
    const { code, stderr } = await call(path, ...(argument === undefined ? [] : [argument]))
    expect(code).toBe(2)
    expect(stderr.split('\n')[1]).toMatch(words)
    expect(stderr).not.toMatch(/\n +at /)
  })
})

it('a server that cannot be had is named with the reason', async () => {
  const { code, stdout, stderr } = await call('scripts/servers.mjs', '--renew', 'sid-valkey')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^– sid-valkey +skipped: there is no apt-get and no dpkg-deb here\n$/)
}, 30_000)

it('every file of scripts/ and bench/ is a script that answers so, or is imported by one', () => {
  const all = files.map(({ text }) => text).join('\n')
  const loose = files.filter(
    ({ path, text }) =>
      !text.includes('await runScript(') &&
      !all.includes(`/${path.split('/')[1]}'`) &&
      !path.endsWith('-reporter.mjs'),
  )
  expect(loose.map(({ path }) => path)).toEqual([])
})

it('every script that runs tests does so by the one that knows the server and a temporary folder', () => {
  const folders = readdirSync(join(ROOT, 'bench'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `bench/${name}`)
  const paths = ['bench', ...folders].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.mjs'))
      .map((name) => `${folder}/${name}`),
  )
  expect(paths.length).toBeGreaterThan(20)
  const runVitest = paths.filter((path) =>
    readFileSync(join(ROOT, path), 'utf8').includes('vitest/vitest'),
  )
  expect(runVitest).toEqual([])
})

it('every npm command that is a script of ours answers so', () => {
  const commands = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts
  const called = Object.values<string>(commands).flatMap((command) =>
    [...command.matchAll(/node (\S+\.mjs)/g)].map(([, path]) => path),
  )
  const known = scripts.map(({ path }) => path)
  expect(called.filter((path) => !known.includes(path ?? ''))).toEqual([])
})
