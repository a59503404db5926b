import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expectedError } from './cleanup.mjs'
import { findProgram, root, run } from './command.mjs'
import { fetchServer, missingTools, serverPath } from './servers/debian.mjs'
import { dim, duration, green, isLive, overwrite, print, settle, spinner } from './terminal.mjs'

export async function installNodeModules() {
  if (hasLockedModules(root, root)) return
  await install('node modules', 'npm ci', () => npmCi(root))
}

/** Whether the directory's node_modules holds what a lockfile asks for, by npm's own record of what it put there. */
function hasLockedModules(directory, lock) {
  const record = join(directory, 'node_modules/.package-lock.json')
  if (!existsSync(record)) return false
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages
  const { packages } = JSON.parse(readFileSync(join(lock, 'package-lock.json'), 'utf8'))
  return Object.entries(packages).every(
    ([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version,
  )
}

function npmCi(directory, ...options) {
  return run('npm', ['ci', '--no-audit', '--no-fund', ...options], { cwd: directory })
}

const SERVERS = ['redis-server', 'valkey-server']
/** Of the release that this machine has. */
export const OWN_SERVER = 'own'

/** By package manager: what a person runs to have a server. */
const ADVICE = {
  dnf: 'sudo dnf install redis',
  apk: 'sudo apk add redis',
  brew: 'brew install redis',
}

/**
 * The path of a Redis (or Valkey) server: `REDIS_SERVER_BIN`, else from PATH, else out of the packages of Debian or Ubuntu,
 * unpacked into .cache/servers. Nothing outside of the project is touched.
 */
export async function installRedis() {
  const found = findRedisServer()
  if (found !== undefined) return found
  if (missingTools().length > 0) {
    const manager = Object.keys(ADVICE).find(findProgram)
    const advice = manager === undefined ? 'Install Redis 6.2 or later' : `Run: ${ADVICE[manager]}`
    throw expectedError(
      `No redis-server is on PATH. ${advice}, or set REDIS_SERVER_BIN to the path of one.`,
    )
  }
  const path = serverPath(OWN_SERVER, 'redis-server')
  if (!existsSync(path)) {
    await install('a Redis server', 'apt-get download, into .cache/servers', async () => {
      await fetchServer(OWN_SERVER, 'redis-server')
      return { code: 0 }
    })
  }
  return path
}

function findRedisServer() {
  const chosen = process.env.REDIS_SERVER_BIN
  if (chosen !== undefined && chosen !== '') {
    const path = chosen.includes('/') ? chosen : findProgram(chosen)
    if (path === undefined || !existsSync(path)) {
      throw expectedError(`REDIS_SERVER_BIN is ${chosen}, and there is no such program.`)
    }
    return path
  }
  return SERVERS.map(findProgram).find((path) => path !== undefined)
}

/** What a download is called, and where its program is. */
const PROGRAMS = { node: 'bin/node', bun: 'bin/bun', deno: 'deno' }

/**
 * What the tests of the package need: the runtimes to try it on, as `{ kind, version, path }` with the kinds `node`, `bun` and `deno`,
 * and the folder of the modules. npm has the binaries for Linux on x64; elsewhere there is the running Node only. A lockfile
 * holds each file.
 */
export async function installDownloads() {
  const directory = join(root, '.cache/downloads')
  const { optionalDependencies } = JSON.parse(
    readFileSync(join(root, 'scripts/downloads/package.json'), 'utf8'),
  )
  const runtimes = Object.keys(optionalDependencies).map((name) => {
    const [kind, version] = name.split('-')
    const path = join(directory, 'node_modules', name, PROGRAMS[kind])
    return { kind, version, path }
  })
  const isForThese = process.platform === 'linux' && process.arch === 'x64'
  const hasThese = !isForThese || runtimes.every(({ path }) => existsSync(path))
  await installLocked('downloads', 'Node 16 to 26, Bun, Deno and types', { isComplete: hasThese })
  const own = { kind: 'node', version: process.versions.node, path: process.execPath }
  return { runtimes: isForThese ? runtimes : [own], modules: join(directory, 'node_modules') }
}

/**
 * Installs what the lockfile in scripts/<name> holds into .cache/<name>, unless it is there.
 * @param isComplete - whether what the lockfile leaves to the platform is there
 */
export async function installLocked(name, what, { isComplete = true } = {}) {
  const lock = join(root, 'scripts', name)
  const directory = join(root, '.cache', name)
  if (isComplete && hasLockedModules(directory, lock)) return
  await mkdir(directory, { recursive: true })
  for (const file of ['package.json', 'package-lock.json']) {
    await copyFile(join(lock, file), join(directory, file))
  }
  // Optional peers stay out: there is nothing of theirs in the lockfile.
  await install(what, `npm ci, into .cache/${name}`, () =>
    npmCi(directory, '--ignore-scripts', '--legacy-peer-deps'),
  )
}

async function install(what, how, work) {
  const started = Date.now()
  const text = `installing ${what} ${dim(`(${how})`)}`
  if (!isLive) print(`… ${text}`)
  const timer = setInterval(() => overwrite(`${spinner()} ${text}`), 80)
  const { code, output } = await work().finally(() => clearInterval(timer))
  if (code !== 0) {
    overwrite('')
    throw expectedError(`Could not install ${what} with: ${how}\n\n${output}`)
  }
  settle(`${green('✓')} installed ${what} ${dim(`(${how}) ${duration(Date.now() - started)}`)}`)
}
