import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectedError } from '../cleanup.mjs'
import { findProgram, root, run } from '../command.mjs'

// Redis servers out of Debian's packages, in a folder of the project: nothing is installed, nobody is root, no service starts.

const SERVERS = join(root, '.cache/servers')
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const MIRROR = 'http://deb.debian.org/debian'
/** What a server loads. Of the packages that it depends on, the others are for installing it. */
const LOADED = /^(lib|lua|redis|valkey)/
const NOT_LOADED = /perl|libpam|libsemanage|libgdbm|libdb5/

const TOOLS = ['apt-get', 'dpkg-deb']

/** The tools for this that the machine lacks. */
export function missingTools() {
  return TOOLS.filter((name) => findProgram(name) === undefined)
}

/** Where `fetchServer` puts the program of that name, which is there once it has ended. */
export function serverPath(name, program) {
  return join(SERVERS, name, program)
}

/**
 * Downloads a server and all that it loads, checked by apt against the signed lists, and unpacks it.
 * @param name - of the folder in .cache/servers
 * @param program - `redis-server` or `valkey-server`
 * @param suite - of Debian; without it, the sources that this machine has
 * @returns the path of a program that starts it
 */
export async function fetchServer(name, program, suite) {
  const missing = missingTools()
  if (missing.length > 0) throw expectedError(`there is no ${missing.join(' and no ')} here`)
  const fresh = join(SERVERS, `.${name}-${process.pid}`)
  const target = join(SERVERS, name)
  try {
    await unpackInto(fresh, program, suite)
    await writeStarters(fresh, program)
    await rm(target, { recursive: true, force: true })
    await rename(fresh, target)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return serverPath(name, program)
}

async function unpackInto(directory, program, suite) {
  const archives = join(directory, 'archives')
  for (const folder of ['lists/partial', 'cache/archives/partial', 'archives', 'root']) {
    await mkdir(join(directory, folder), { recursive: true })
  }
  await writeFile(join(directory, 'status'), '')
  const apt = async (...args) => {
    const options = optionsOf(directory, suite).flatMap((option) => ['-o', option])
    const { code, output } = await run('apt-get', [...options, ...args], { cwd: archives })
    if (code !== 0) throw expectedError(`apt-get ${args.join(' ')} failed:\n\n${output.trim()}`)
    return output
  }
  if (suite !== undefined) {
    const line = `deb [signed-by=${KEYRING}] ${MIRROR} ${suite} main\n`
    await writeFile(join(directory, 'sources.list'), line)
  }
  await apt('update')
  const tools = program.replace('-server', '-tools')
  const plan = await apt('-y', '--no-install-recommends', '--print-uris', 'install', program, tools)
  const packages = [...plan.matchAll(/^'\S+' ([^_\s]+)_/gm)]
    .map(([, one]) => one)
    .filter((one) => LOADED.test(one) && !NOT_LOADED.test(one))
  await apt('download', ...packages)
  for (const file of await readdir(archives)) {
    const { code, output } = await run('dpkg-deb', [
      '-x',
      join(archives, file),
      join(directory, 'root'),
    ])
    if (code !== 0) throw expectedError(`dpkg-deb could not unpack ${file}:\n\n${output.trim()}`)
  }
  for (const folder of ['lists', 'cache', 'archives']) {
    await rm(join(directory, folder), { recursive: true })
  }
}

/** apt's lists, cache and state in the directory, and none of the machine's. */
function optionsOf(directory, suite) {
  return [
    `Dir::State::lists=${join(directory, 'lists')}`,
    // As if nothing were installed: so the plan holds all that the server loads.
    `Dir::State::status=${join(directory, 'status')}`,
    `Dir::Cache=${join(directory, 'cache')}`,
    'Debug::NoLocking=1',
    'APT::Sandbox::User=',
    'Acquire::Languages=none',
    ...(suite === undefined
      ? []
      : [
          `Dir::Etc::sourcelist=${join(directory, 'sources.list')}`,
          'Dir::Etc::sourceparts=/dev/null',
        ]),
  ]
}

/** Programs that run what was unpacked by its own loader, with its own libraries. They name it relative to themselves: a clone may be moved. */
async function writeStarters(fresh, program) {
  const unpacked = join(fresh, 'root')
  const files = await pathsIn(unpacked)
  const loader = files.find((path) => /\/ld-linux[^/]*\.so\.\d+$/.test(path))
  if (loader === undefined) throw expectedError('The packages hold no loader.')
  const folders = new Set(
    files.filter((path) => /\.so(\.\d+)*$/.test(path)).map((path) => path.replace(/\/[^/]+$/, '')),
  )
  const libraries = [...folders].map((folder) => `$here${folder}`).join(':')
  for (const name of ['-server', '-cli', '-benchmark'].map((end) =>
    program.replace('-server', end),
  )) {
    const lines = [
      '#!/bin/sh',
      'here="$(dirname "$(readlink -f "$0")")/root"',
      `exec "$here${loader}" --library-path "${libraries}" "$here/usr/bin/${name}" "$@"`,
    ]
    await writeFile(join(fresh, name), `${lines.join('\n')}\n`)
    await chmod(join(fresh, name), 0o755)
  }
}

/** Relative to the directory. */
async function pathsIn(directory, below = '') {
  const entries = await readdir(join(directory, below), { withFileTypes: true })
  const paths = entries.map((entry) => {
    const path = `${below}/${entry.name}`
    return entry.isDirectory() ? pathsIn(directory, path) : [path]
  })
  return (await Promise.all(paths)).flat()
}
