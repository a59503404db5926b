import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cleanUpLater, expectedError, temporaryFolder } from './cleanup.mjs'
import { root, run } from './command.mjs'
import { runScript, wordsAmong } from './run-script.mjs'
import { bold, duration, green, print, red } from './terminal.mjs'

const COMMANDS = { demo: ['run', 'demo'], test: ['test', '--'] }
const USER = 'nobody'

const USAGE = `node scripts/untouched.mjs           runs npm run demo and npm test in a new clone, as a user who owns nothing, and says
                                     what they left outside of it: files, processes, changes of the clone
node scripts/untouched.mjs demo      only the named ones: ${Object.keys(COMMANDS).join(', ')}

  --steps unit,redis      of npm test (all)

It clones what is committed. Only root can run it on Linux, to become the user ${USER}; the commands themselves have no rights.
npm's own cache in the home directory does not count.`

async function main({ steps }, names) {
  const chosen = wordsAmong(Object.keys(COMMANDS), names, 'command')
  if (process.platform !== 'linux' || process.getuid() !== 0) {
    throw expectedError(`Only root can become the user ${USER}, and only on Linux.`)
  }
  const user = await userOf(USER)
  const home = await makeHome(user)
  const clone = join(home, 'clone')
  const before = await tracesOf(user, home)
  for (const name of chosen.length > 0 ? chosen : Object.keys(COMMANDS)) {
    const started = Date.now()
    const args = [...COMMANDS[name], ...(name === 'test' && steps ? steps.split(',') : [])]
    const code = await runAs(user, home, clone, args)
    const left = [...(await tracesOf(user, home))].filter((trace) => !before.has(trace))
    const changed = (await git(clone, 'status', '--porcelain')).split('\n').filter(Boolean)
    report(`npm ${args.join(' ')}`, Date.now() - started, code, [...left, ...changed])
  }
}

function report(command, tookMs, code, left) {
  const isGood = code === 0 && left.length === 0
  if (!isGood) process.exitCode = 1
  const said = `${bold(command)} ended with ${code} after ${duration(tookMs)}`
  const remains = left.length === 0 ? 'and left nothing behind' : 'and left behind:'
  print(`\n${isGood ? green('✓') : red('✗')} ${said} ${remains}`)
  for (const trace of left) print(`  ${trace}`)
}

async function userOf(name) {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((which) => printed('id', which, name)))
  return { uid: Number(uid), gid: Number(gid) }
}

/** A home directory with a clone of what is committed in it. */
async function makeHome({ uid, gid }) {
  const folder = await temporaryFolder()
  // Its maker alone may enter it.
  await chmod(folder, 0o755)
  const home = join(folder, 'home')
  await mkdir(home)
  await printed('git', 'clone', '--quiet', '--no-hardlinks', root, join(home, 'clone'))
  await git(join(home, 'clone'), 'checkout', '--quiet', await git(root, 'rev-parse', 'HEAD'))
  await printed('chown', '-R', `${uid}:${gid}`, home)
  return home
}

function git(directory, ...args) {
  return printed('git', '-c', 'safe.directory=*', '-C', directory, ...args)
}

async function printed(file, ...args) {
  const { code, output } = await run(file, args)
  if (code !== 0) throw expectedError(`${file} ${args.join(' ')} failed:\n\n${output}`)
  return output.trim()
}

/** As on a machine of its own, without what this one says of Redis and of temporary files. */
async function runAs({ uid, gid }, home, cwd, args) {
  const { REDIS_URL, REDIS_SERVER_BIN, TMPDIR, ...env } = process.env
  const child = spawn('npm', args, {
    cwd,
    uid,
    gid,
    env: { ...env, HOME: home, USER, LOGNAME: USER },
    stdio: ['ignore', 'inherit', 'inherit'],
    // A group of its own, to be ended as one.
    detached: true,
  })
  const closed = once(child, 'close')
  cleanUpLater(() => {
    if (child.exitCode !== null || child.signalCode !== null) return undefined
    process.kill(-child.pid)
    return closed
  })
  const [code, signal] = await closed
  return code ?? signal
}

/** Every process of the user, and every file outside of the clone and of npm's cache. */
async function tracesOf({ uid }, home) {
  const args = ['/', ...['/proc', '/sys', join(home, 'clone'), join(home, '.npm')].flatMap(leftOut)]
  // It complains of files that go while it looks.
  const { output } = await run('find', [...args, '-user', String(uid), '-print'], { isLong: true })
  const files = output.split('\n').filter((line) => line.startsWith('/'))
  return new Set([...files, ...processesOf(uid)])
}

function leftOut(path) {
  return ['-path', path, '-prune', '-o']
}

function processesOf(uid) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8')
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        return new RegExp(`^Uid:\\s+${uid}\\b`, 'm').test(status) ? [`${pid} ${command}`] : []
      } catch {
        // It has ended.
        return []
      }
    })
}

await runScript({
  usage: USAGE,
  options: { steps: { type: 'string' } },
  allowPositionals: true,
  main,
})
