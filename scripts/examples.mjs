import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { temporaryFolder } from './cleanup.mjs'
import { root, run } from './command.mjs'
import { startPrivateRedis } from './private-redis.mjs'
import { tarballToTest } from './tarball.mjs'

const EXAMPLES = join(root, 'examples')

/**
 * Copies each example out of the repository, gives it the packed tarball and nothing but the packages that its page says to install,
 * and runs it with a Redis of its own: by `test/examples/NAME.mjs` if it needs servers, else its `run.mjs`.
 */
export async function testExamples(report, redisServer) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  let output = ''
  const folder = await temporaryFolder()
  const tarball = await tarballToTest(folder)
  for (const name of await programs()) {
    report(name)
    const copy = join(folder, name)
    await cp(join(EXAMPLES, name), copy, { recursive: true })
    await install(copy, tarball, await packagesOf(name))
    const redis = await startPrivateRedis(redisServer)
    const driver = join(root, 'test/examples', `${name}.mjs`)
    const args = existsSync(driver) ? [driver, copy] : [join(copy, 'run.mjs')]
    const result = await run(process.execPath, args, { cwd: copy, env: { REDIS_URL: redis.url } })
    counts[result.code === 0 ? 'passed' : 'failed'] += 1
    output += `${name} ended with ${result.code}\n${result.output}\n`
  }
  return { code: counts.failed === 0 ? 0 : 1, output, counts }
}

/** As `npm install` would, with packages that this repository has. */
async function install(folder, tarball, packages) {
  const own = join(folder, 'node_modules/@atxp/redis')
  await mkdir(own, { recursive: true })
  const { code, output } = await run('tar', ['-xzf', tarball, '-C', own, '--strip-components=1'])
  if (code !== 0) throw new Error(output)
  const { dependencies } = JSON.parse(await readFile(join(own, 'package.json'), 'utf8'))
  for (const name of [...packages, ...Object.keys(dependencies)]) {
    const link = join(folder, 'node_modules', name)
    if (link === own) continue
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, 'node_modules', name), link)
  }
}

/** The folders that hold programs. */
async function programs() {
  const entries = await readdir(EXAMPLES, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const files = await Promise.all(folders.map((name) => readdir(join(EXAMPLES, name))))
  return folders.filter((_, index) => files[index].some((file) => file.endsWith('.mjs')))
}

/** What the page of an example says to install: its own, or that of all. */
async function packagesOf(name) {
  const own = join(EXAMPLES, name, 'README.md')
  const page = existsSync(own) ? own : join(EXAMPLES, 'README.md')
  const [, names] = /^npm install (.*)$/m.exec(await readFile(page, 'utf8'))
  return names.split(' ')
}
