import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { temporaryFolder } from './cleanup.mjs'
import { root, run } from './command.mjs'
import { startPrivateRedis } from './private-redis.mjs'
import { tarballToTest } from './tarball.mjs'

const EXAMPLES = join(root, 'examples')

/**
 * Copies each example out of the repository, gives it the packed tarball and nothing but what its package.json names, and runs it
 * with a Redis of its own: by `test/examples/NAME.mjs` if it needs servers, else its `run.mjs`.
 */
export async function testExamples(report, redisServer) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  let output = ''
  const folder = await temporaryFolder()
  const tarball = await tarballToTest(folder)
  const names = await readdir(EXAMPLES)
  for (const name of names.filter((one) => existsSync(join(EXAMPLES, one, 'package.json')))) {
    report(name)
    const copy = join(folder, name)
    await cp(join(EXAMPLES, name), copy, { recursive: true })
    await install(copy, tarball)
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
async function install(folder, tarball) {
  const own = join(folder, 'node_modules/@atxp/redis')
  await mkdir(own, { recursive: true })
  const { code, output } = await run('tar', ['-xzf', tarball, '-C', own, '--strip-components=1'])
  if (code !== 0) throw new Error(output)
  for (const name of [...(await dependenciesOf(folder)), ...(await dependenciesOf(own))]) {
    const link = join(folder, 'node_modules', name)
    if (link === own) continue
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, 'node_modules', name), link)
  }
}

async function dependenciesOf(folder) {
  const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  return Object.keys(dependencies)
}
