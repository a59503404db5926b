import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import commonjs from '@rollup/plugin-commonjs'
import json from '@rollup/plugin-json'
import nodeResolve from '@rollup/plugin-node-resolve'
import { build } from 'esbuild'
import { rollup } from 'rollup'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { runIn } from './scratch.js'
import { writeProject } from './stand-in-client.js'
import type { Runtime } from './tarball.global.js'

const newest = inject('runtimes')
  .filter(({ kind }) => kind === 'node')
  .at(-1) as Runtime

/** What docs/bundling.md says that esbuild's ESM output needs. */
const BANNER =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

let redis: RedisServer
let project: string
/** Without `node_modules`, as where a single file is deployed. */
let deployed: string

beforeAll(async () => {
  redis = await startRedis()
  project = await mkdtemp(join(tmpdir(), 'atxp-redis-project-'))
  deployed = await mkdtemp(join(tmpdir(), 'atxp-redis-deployed-'))
  await writeProject(project, join(inject('scratch'), 'node_modules'))
  await mkdir(deployed, { recursive: true })
})
afterAll(async () => {
  await redis?.stop()
  for (const directory of [project, deployed]) await rm(directory, { recursive: true, force: true })
})

type Bundle = (entry: string, outfile: string) => Promise<unknown>

const withEsbuild =
  (format: 'cjs' | 'esm'): Bundle =>
  (entry, outfile) =>
    build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: 'node',
      format,
      logLevel: 'silent',
      ...(format === 'esm' && { banner: { js: BANNER } }),
    })

const withRollup =
  (format: 'cjs' | 'es'): Bundle =>
  async (input, file) => {
    const plugins = [nodeResolve({ preferBuiltins: true }), commonjs(), json()]
    const bundle = await rollup({ input, plugins, onwarn: () => undefined })
    await bundle.write({ file, format, inlineDynamicImports: true })
    await bundle.close()
  }

const built = new Map<string, Promise<unknown>>()

function bundleOnce(name: string, entry: string, bundle: Bundle): Promise<unknown> {
  const made = built.get(name) ?? bundle(join(project, entry), join(deployed, name))
  built.set(name, made)
  return made
}

let count = 0

async function run(directory: string, file: string, env: Record<string, string> = {}) {
  count += 1
  const settings = { REDIS_URL: redis.url, PREFIX: `bundle-${count}:`, ...env }
  const { stdout, stderr } = await runIn(directory, newest.path, [file], settings)
  return stdout === '' ? stderr : JSON.parse(stdout)
}

const LOGGED_IN_ANEW = { status: 200, logins: 2, refusals: 1 }

describe.each([
  ['a server that only says 401', {}],
  ['a server that asks for a refresh, with the class passed', { HINT: 'yes' }],
])('the call whose refresh token is refused logs in anew, at %s', (_, env) => {
  test.each(['program.mjs', 'program.cjs'])(
    'in %s, beside both builds of the SDK',
    async (file) => {
      expect(await run(project, file, env as Record<string, string>)).toEqual(LOGGED_IN_ANEW)
    },
  )

  test.each<[string, string, string, Bundle]>([
    ['esbuild', 'program.mjs', 'esbuild.cjs', withEsbuild('cjs')],
    ['esbuild', 'program.mjs', 'esbuild.mjs', withEsbuild('esm')],
    ['esbuild', 'program.cjs', 'esbuild-of-cjs.cjs', withEsbuild('cjs')],
    ['rollup', 'program.mjs', 'rollup.cjs', withRollup('cjs')],
    ['rollup', 'program.mjs', 'rollup.mjs', withRollup('es')],
  ])('in what %s makes of %s as %s, deployed alone', async (_bundler, entry, name, bundle) => {
    await bundleOnce(name, entry, bundle)
    expect(await run(deployed, name, env as Record<string, string>)).toEqual(LOGGED_IN_ANEW)
  })
})
