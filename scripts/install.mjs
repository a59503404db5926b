import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expectedError } from './cleanup.mjs'
import { findProgram, root, run } from './command.mjs'
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

/** By package manager: what to run, and what that brings, so that a Redis server and its command line are there. */
const PACKAGES = {
  'apt-get': [
    ['the package lists', ['update']],
    ['Redis server', ['install', '-y', '--no-install-recommends', 'redis-server', 'redis-tools']],
  ],
  dnf: [['Redis server', ['install', '-y', '/usr/bin/redis-server', '/usr/bin/redis-cli']]],
  apk: [['Redis server', ['add', 'redis']]],
  brew: [['Redis server', ['install', 'redis']]],
}

/** The path of a Redis (or Valkey) server: `REDIS_SERVER_BIN`, else from PATH, else installed now. */
export async function installRedis() {
  const found = findRedisServer()
  if (found !== undefined) return found
  const manager = Object.keys(PACKAGES).find(findProgram)
  if (manager === undefined) {
    throw expectedError(
      'No redis-server is on PATH, and no package manager that could install it (apt-get, dnf, apk, brew).\n' +
        'Install Redis 6.2 or later, or set REDIS_SERVER_BIN to its server.',
    )
  }
  for (const [what, args] of PACKAGES[manager]) {
    const [file, ...rest] = asAdministrator([manager, ...args])
    const line = [file, ...rest].join(' ')
    await install(what, line, () => run(file, rest, { env: { DEBIAN_FRONTEND: 'noninteractive' } }))
  }
  const installed = findRedisServer()
  if (installed === undefined) throw expectedError(`${manager} installed no redis-server on PATH.`)
  return installed
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

function asAdministrator(command) {
  if (command[0] === 'brew' || process.getuid?.() === 0) return command
  return ['sudo', '-n', ...command]
}

/**
 * What the tests of the package need: the Node binaries to try it on, as `{ version, path }`, and the folder
 * of the modules. npm has the binaries for Linux on x64; elsewhere there is the running one only. A lockfile holds each file.
 */
export async function installDownloads() {
  const lock = join(root, 'scripts/downloads')
  const directory = join(root, '.cache/downloads')
  const { optionalDependencies } = JSON.parse(readFileSync(join(lock, 'package.json'), 'utf8'))
  const nodes = Object.keys(optionalDependencies).map((name) => ({
    version: name.slice('node-'.length),
    path: join(directory, 'node_modules', name, 'bin/node'),
  }))
  const isForNodes = process.platform === 'linux' && process.arch === 'x64'
  const hasNodes = !isForNodes || nodes.every(({ path }) => existsSync(path))
  if (!hasNodes || !hasLockedModules(directory, lock)) {
    await mkdir(directory, { recursive: true })
    for (const name of ['package.json', 'package-lock.json']) {
      await copyFile(join(lock, name), join(directory, name))
    }
    await install('Node 16 to 26 and their types', 'npm ci, into .cache/downloads', () =>
      npmCi(directory, '--ignore-scripts'),
    )
  }
  return {
    nodes: isForNodes ? nodes : [{ version: process.versions.node, path: process.execPath }],
    modules: join(directory, 'node_modules'),
  }
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
