import { readFileSync } from 'node:fs'
import { cp, mkdir, readdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expectedError, temporaryFolder } from './cleanup.mjs'
import { root, run } from './command.mjs'
import { installLocked, installNodeModules, installRedis } from './install.mjs'
import { startPrivateRedis } from './private-redis.mjs'
import { runScript } from './run-script.mjs'
import { packTarball } from './tarball.mjs'
import { green, print, red } from './terminal.mjs'

const USAGE = `node scripts/next.mjs     builds a Next.js application in .cache/next, with @atxp/client in a route handler, has its
                          session expire in two processes, and prints what became of the calls (5 minutes)`

const APP = join(root, '.cache/next')
const SOURCE = join(root, 'scripts/next')
const MODULES = join(APP, 'node_modules/@atxp')
const NEXT = join(APP, 'node_modules/next/dist/bin/next')

/** As docs/bundling.md has it: Next bundles all that it is not told to leave out. */
const BUILDS = [
  {
    external: '@atxp/redis,ioredis,@atxp/client',
    runs: [{ name: 'left out of the bundle', isFound: true }],
  },
  {
    external: '',
    runs: [
      { name: 'bundled, class passed', passes: true, isFound: true },
      { name: 'bundled, class not passed', isFound: false },
      {
        name: 'bundled, deployed without @atxp/client',
        isAlone: true,
        isFound: false,
        told: ['errorClassMissing', 'ATXP_REDIS_NO_ERROR_CLASS'],
      },
    ],
  },
]

async function main() {
  await installNodeModules()
  const { url: REDIS_URL } = await startPrivateRedis(await installRedis())
  await installApp()
  // Its servers need the node modules.
  const { runSessions } = await import('./next/sessions.mjs')
  print(`\nNext.js ${versionOf('next')} on Node ${process.versions.node}`)
  for (const { external: EXTERNAL, runs } of BUILDS) {
    const { code, output } = await run(process.execPath, [NEXT, 'build'], {
      cwd: APP,
      env: nextEnv({ EXTERNAL }),
    })
    if (code !== 0) throw expectedError(`next build failed:\n\n${output}`)
    for (const { name, passes, isAlone, isFound, told } of runs) {
      print(`\n${name}`)
      const directory = isAlone ? await deployAlone() : APP
      const env = nextEnv({ EXTERNAL, REDIS_URL, CLASS: passes ? 'passed' : '' })
      report(await runSessions({ next: NEXT, directory, env, isFound, told }))
    }
  }
}

function report(outcomes) {
  for (const { what, isPromised, seen } of outcomes) {
    if (!isPromised) process.exitCode = 1
    print(`${isPromised ? green('✓') : red('✗')} ${what}: ${seen}`)
  }
}

const nextEnv = (env) => ({ NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production', ...env })

const versionOf = (name) =>
  JSON.parse(readFileSync(join(APP, 'node_modules', name, 'package.json'), 'utf8')).version

/** The application where nothing of `@atxp` is installed: in no folder of this project, since a search goes upwards. */
async function deployAlone() {
  const alone = await temporaryFolder()
  for (const name of ['.next', 'package.json', 'next.config.mjs']) {
    await cp(join(APP, name), join(alone, name), { recursive: true })
  }
  await mkdir(join(alone, 'node_modules'))
  for (const name of await readdir(join(APP, 'node_modules'))) {
    if (name === '@atxp') continue
    await symlink(join(APP, 'node_modules', name), join(alone, 'node_modules', name))
  }
  return alone
}

/** With the package as npm would publish it. */
async function installApp() {
  await installLocked('next', 'Next.js and @atxp/client')
  for (const name of ['app', 'next.config.mjs']) {
    await cp(join(SOURCE, name), join(APP, name), { recursive: true })
  }
  await cp(join(root, 'test/support/fleet/account.mjs'), join(APP, 'account.mjs'))
  const own = join(MODULES, 'redis')
  await rm(join(APP, '.next'), { recursive: true, force: true })
  await rm(own, { recursive: true, force: true })
  await mkdir(own, { recursive: true })
  const built = await run(process.execPath, ['scripts/build.mjs'])
  if (built.code !== 0) throw expectedError(built.output)
  const tarball = await packTarball(await temporaryFolder())
  const unpacked = await run('tar', ['-xzf', tarball, '-C', own, '--strip-components=1'])
  if (unpacked.code !== 0) throw expectedError(unpacked.output)
}

await runScript({ usage: USAGE, main })
