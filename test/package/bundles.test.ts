import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import commonjs from '@rollup/plugin-commonjs'
import json from '@rollup/plugin-json'
import nodeResolve from '@rollup/plugin-node-resolve'
import { build } from 'esbuild'
import { rollup } from 'rollup'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import webpack from 'webpack'
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

const withWebpack =
  (type: 'commonjs2' | 'module'): Bundle =>
  async (entry, file) => {
    const compiler = webpack({
      entry,
      target: 'node16',
      mode: 'none',
      output: { path: dirname(file), filename: basename(file), library: { type } },
      ...(type === 'module' && { experiments: { outputModule: true } }),
    })
    const stats = await promisify(compiler.run.bind(compiler))()
    await promisify(compiler.close.bind(compiler))()
    const { errors, warnings } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {}
    const ours = warnings?.filter(({ moduleName }) => moduleName?.includes('@atxp/redis'))
    expect([errors, ours]).toEqual([[], []])
  }

const built = new Map<string, Promise<unknown>>()

/** Gives the name of the file, which is made once. */
async function bundled(entry: string, file: string, bundle: Bundle): Promise<string> {
  const made = built.get(file) ?? bundle(join(project, entry), file)
  built.set(file, made)
  await made
  return file
}

let count = 0

/** Gives what the program prints. */
async function run(args: string[], env: Record<string, string> = {}): Promise<unknown> {
  count += 1
  const settings = { REDIS_URL: redis.url, PREFIX: `bundle-${count}:`, ...env }
  const { stdout, stderr } = await runIn(project, newest.path, args, settings)
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
      expect(await run([file], env as Record<string, string>)).toEqual(LOGGED_IN_ANEW)
    },
  )

  test.each<[string, string, string, Bundle]>([
    ['esbuild', 'program.mjs', 'esbuild.cjs', withEsbuild('cjs')],
    ['esbuild', 'program.mjs', 'esbuild.mjs', withEsbuild('esm')],
    ['esbuild', 'program.cjs', 'esbuild-of-cjs.cjs', withEsbuild('cjs')],
    ['rollup', 'program.mjs', 'rollup.cjs', withRollup('cjs')],
    ['rollup', 'program.mjs', 'rollup.mjs', withRollup('es')],
    ['webpack', 'program.mjs', 'webpack.cjs', withWebpack('commonjs2')],
    ['webpack', 'program.mjs', 'webpack.mjs', withWebpack('module')],
    ['webpack', 'program.cjs', 'webpack-of-cjs.cjs', withWebpack('commonjs2')],
  ])('in what %s makes of %s as %s, deployed alone', async (_bundler, entry, name, bundle) => {
    const file = await bundled(entry, join(deployed, name), bundle)
    expect(await run([file], env as Record<string, string>)).toEqual(LOGGED_IN_ANEW)
  })
})

/** As the runtime of a cloud function does with a file that is all there is. */
const INVOKE =
  'require(process.argv[1]).handler({}).then((result) => console.log(JSON.stringify(result)))'

test.each<[string, Bundle]>([
  ['esbuild', withEsbuild('cjs')],
  ['webpack', withWebpack('commonjs2')],
])('so does the handler of a function, in one CommonJS file by %s', async (bundler, bundle) => {
  const file = await bundled('function.mjs', join(deployed, `function-${bundler}.cjs`), bundle)
  expect(await run(['-e', INVOKE, file])).toEqual(LOGGED_IN_ANEW)
})

describe('the oAuthClient of a server', () => {
  test.each<[string, Bundle]>([
    ['esbuild.cjs', withEsbuild('cjs')],
    ['webpack.cjs', withWebpack('commonjs2')],
    ['webpack.mjs', withWebpack('module')],
  ])('is of the SDK that is installed beside %s', async (name, bundle) => {
    const file = await bundled('server.mjs', join(project, 'bundles', `server-${name}`), bundle)
    expect(await run([file])).toEqual({ active: true })
  })

  test('is left to the SDK where a file by webpack is deployed alone', async () => {
    const file = await bundled('server.mjs', join(deployed, 'server.cjs'), withWebpack('commonjs2'))
    expect(await run([file])).toEqual({ oAuthClient: 'none' })
  })
})
