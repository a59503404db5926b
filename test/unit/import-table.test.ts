import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const value = (from: string) => `export { one } from '${from}'`
const type = (from: string) => `export type { One } from '${from}'`
const load = (from: string) => `export const one = import('${from}')`
const demand = (from: string) => `export const one = require('${from}')`

const leaves = [
  'contract',
  'errors',
  'clock',
  'diagnostics',
  'well-formed',
  'recent-map',
  'defaults',
]
const leavesFrom = (up: string) => leaves.map((leaf) => `${up}${leaf}.js`)
const rooms = ['record', 'crypto', 'redis', 'cache', 'flight', 'oauth']
const above = ['store', 'options', 'database', 'admin', 'mcp', 'conformance', 'cli', 'referee']
const driver = [value('ioredis'), type('ioredis')]

interface Row {
  file: string
  allowed: string[]
  refused: string[]
}

function leaf(name: string): Row {
  return {
    file: `src/${name}.ts`,
    allowed: [value('node:crypto')],
    refused: [
      value('./options/options.js'),
      value('./record/keys.js'),
      load('./options/options.js'),
      demand('./options/options.js'),
      type('./options/options.js'),
      type('ioredis'),
      type('@atxp/common'),
    ],
  }
}

/** A room that imports leaves, and the rooms `below` it. */
function room(name: string, below: string[] = []): Row {
  const others = [...rooms, ...above].filter((other) => other !== name && !below.includes(other))
  return {
    file: `src/${name}/probe.ts`,
    allowed: [
      value('./neighbour.js'),
      value('node:crypto'),
      ...leavesFrom('../').map(value),
      ...below.map((other) => value(`../${other}/probe.js`)),
    ],
    refused: [
      ...others.map((other) => value(`../${other}/probe.js`)),
      ...others.map((other) => load(`../${other}/probe.js`)),
      ...others.map((other) => demand(`../${other}/probe.js`)),
      type('../options/options.js'),
      value('../redis-oauth-database.js'),
      value('../index.js'),
      value('..'),
      value('ioredis'),
      type('ioredis'),
      value('ioredis/built/utils/index.js'),
      type('@atxp/common'),
    ],
  }
}

const redisRooms = ['address', 'protocol', 'driver', 'connection', 'link', 'changes']

/** A room inside of `redis/`. Only `driver` loads ioredis; others import its types, but for those that need none. */
function redisRoom(name: string, below: string[]): Row {
  const others = redisRooms.filter((other) => other !== name && !below.includes(other))
  const [loadsDriver, typesDriver] = [name === 'driver', name !== 'address' && name !== 'protocol']
  return {
    file: `src/redis/${name}/probe.ts`,
    allowed: [
      value('./neighbour.js'),
      ...leavesFrom('../../').map(value),
      ...below.map((other) => value(`../${other}/probe.js`)),
      ...(loadsDriver ? [value('ioredis')] : []),
      ...(typesDriver ? [type('ioredis')] : []),
    ],
    refused: [
      ...others.map((other) => value(`../${other}/probe.js`)),
      value('../connect.js'),
      value('../../record/keys.js'),
      value('../../store/probe.js'),
      value('../../options/options.js'),
      value('../../index.js'),
      value('..'),
      ...(loadsDriver ? [] : [value('ioredis')]),
      ...(typesDriver ? [] : [type('ioredis')]),
      type('@atxp/common'),
    ],
  }
}

const redis = room('redis')
redis.allowed.push(type('ioredis'), ...redisRooms.map((name) => value(`./${name}/probe.js`)))
redis.refused = redis.refused.filter((line) => !line.includes('ioredis'))
const redisDriver: Row = { ...redis, file: 'src/redis/driver-probe.ts', allowed: [type('ioredis')] }
redisDriver.refused = [value('ioredis')]
const internals = redisRoom('driver/internals', [])
internals.allowed = [...driver, value('../../address/probe.js')]
internals.refused = ['../probe.js', '../../link/probe.js', '../../../errors.js', '..'].map(value)

const oauthRooms = ['http', 'trust', 'refresh', 'registration', 'session']
const oauth = room('oauth', ['flight', 'record'])
oauth.allowed.push(...oauthRooms.map((name) => value(`./${name}/probe.js`)))

/** A room inside of `oauth/`. */
function oauthRoom(name: string, below: string[]): Row {
  const others = oauthRooms.filter((other) => other !== name && !below.includes(other))
  return {
    file: `src/oauth/${name}/probe.ts`,
    allowed: [
      value('./neighbour.js'),
      ...leavesFrom('../../').map(value),
      value('../../flight/lease.js'),
      value('../../record/keys.js'),
      ...below.map((other) => value(`../${other}/probe.js`)),
    ],
    refused: [
      ...others.map((other) => value(`../${other}/probe.js`)),
      value('../coordinated-fetch.js'),
      value('../../redis/connect.js'),
      value('../../store/probe.js'),
      value('../../index.js'),
      value('..'),
      value('ioredis'),
      type('@atxp/common'),
    ],
  }
}

const store = room('store', rooms)

const belowTheClass = [...rooms, 'store', 'database'].map((name) => `./${name}/probe.js`)
const aboveTheClass = [
  './index.js',
  './admin.js',
  './admin/probe.js',
  './mcp.js',
  './mcp/probe.js',
  './cli/probe.js',
  './referee.js',
  './referee/probe.js',
]

const table: Row[] = [
  ...leaves.map(leaf),
  ...['record', 'crypto', 'cache', 'flight', 'conformance'].map((name) => room(name)),
  oauth,
  oauthRoom('http', []),
  oauthRoom('trust', ['http']),
  oauthRoom('refresh', ['http', 'trust']),
  oauthRoom('registration', ['http', 'trust']),
  oauthRoom('session', ['http', 'trust', 'refresh']),
  redis,
  redisDriver,
  redisRoom('address', []),
  redisRoom('protocol', []),
  redisRoom('driver', ['address', 'protocol']),
  internals,
  redisRoom('connection', ['driver', 'protocol']),
  redisRoom('link', ['address', 'driver', 'protocol', 'connection']),
  redisRoom('changes', ['driver', 'protocol']),
  store,
  {
    file: 'src/options/probe.ts',
    allowed: [
      value('./neighbour.js'),
      ...leavesFrom('../').map(value),
      ...[...rooms, 'store'].map((name) => type(`../${name}/probe.js`)),
      type('ioredis'),
    ],
    refused: [
      ...[...rooms, 'store', 'cli'].map((name) => value(`../${name}/probe.js`)),
      value('../index.js'),
      type('../redis-oauth-database.js'),
      value('ioredis'),
      type('@atxp/common'),
    ],
  },
  {
    file: 'src/database/probe.ts',
    allowed: [
      value('./neighbour.js'),
      ...leavesFrom('../').map(value),
      ...[...rooms, 'store', 'options'].map((name) => value(`../${name}/probe.js`)),
      value('../composition.js'),
    ],
    refused: [
      value('../redis-oauth-database.js'),
      value('../with-oauth-database.js'),
      value('../index.js'),
      value('../cli/probe.js'),
      value('../conformance/probe.js'),
      value('..'),
      ...driver,
      type('@atxp/common'),
    ],
  },
  ...['redis-oauth-database', 'with-oauth-database'].map((name) => ({
    file: `src/${name}.ts`,
    allowed: [
      ...leavesFrom('./').map(value),
      ...belowTheClass.map(value),
      value('./options/options.js'),
      type('ioredis'),
    ],
    refused: [...aboveTheClass.map(value), value('ioredis'), type('@atxp/common')],
  })),
  {
    file: 'src/admin/probe.ts',
    allowed: [
      value('./neighbour.js'),
      ...leavesFrom('../').map(value),
      ...[...rooms, 'store', 'database'].map((name) => value(`../${name}/probe.js`)),
      value('../composition.js'),
      value('../redis-oauth-database.js'),
    ],
    refused: [
      value('../index.js'),
      value('../admin.js'),
      value('../cli/probe.js'),
      value('../conformance/probe.js'),
      value('..'),
      ...driver,
      type('@atxp/common'),
    ],
  },
  ...['transfer', 'published'].map((name) => ({
    file: `src/admin/${name}/probe.ts`,
    allowed: [
      value('./neighbour.js'),
      value('../walk.js'),
      ...leavesFrom('../../').map(value),
      ...[...rooms, 'store', 'database'].map((other) => value(`../../${other}/probe.js`)),
      value('../../composition.js'),
      value('../../redis-oauth-database.js'),
    ],
    refused: [
      value('../../index.js'),
      value('../../admin.js'),
      value('../../cli/probe.js'),
      value('../../conformance/probe.js'),
      ...driver,
      type('@atxp/common'),
    ],
  })),
  {
    file: 'src/admin.ts',
    allowed: [value('./admin/probe.js'), value('./redis-oauth-database.js')],
    refused: [value('./index.js'), value('./cli/probe.js'), ...driver, type('@atxp/common')],
  },
  {
    file: 'src/mcp/probe.ts',
    allowed: [
      value('./neighbour.js'),
      ...leavesFrom('../').map(value),
      ...[...rooms, 'store', 'database'].map((name) => value(`../${name}/probe.js`)),
      value('../composition.js'),
      value('../redis-oauth-database.js'),
    ],
    refused: [
      value('../index.js'),
      value('../admin/probe.js'),
      value('../cli/probe.js'),
      type('@modelcontextprotocol/sdk/client/auth.js'),
      type('@modelcontextprotocol/client'),
      type('@ai-sdk/mcp'),
      ...driver,
      type('@atxp/common'),
    ],
  },
  {
    file: 'src/mcp.ts',
    allowed: [value('./mcp/probe.js')],
    refused: [value('./index.js'), value('./cli/probe.js'), type('@ai-sdk/mcp'), ...driver],
  },
  ...['src/referee/probe.ts', 'src/referee/servers/probe.ts'].map((file) => ({
    file,
    allowed: [value('./neighbour.js'), value('node:crypto')],
    refused: [
      ...leavesFrom('../').map(value),
      value('../index.js'),
      value('../record/keys.js'),
      value('..'),
      ...driver,
      type('@atxp/common'),
      type('@modelcontextprotocol/sdk/client/auth.js'),
    ],
  })),
  {
    file: 'src/referee.ts',
    allowed: [value('./referee/probe.js'), type('./referee/probe.js')],
    refused: [value('./index.js'), value('./errors.js'), ...driver, type('@atxp/common')],
  },
  {
    file: 'src/cli/probe.ts',
    allowed: [value('./neighbour.js'), value('../admin/probe.js'), value('../errors.js')],
    refused: [value('../index.js'), value('../cli.js'), ...driver, type('@atxp/common')],
  },
  {
    file: 'src/cli.ts',
    allowed: [load('./cli/probe.js')],
    refused: [value('./index.js'), value('./redis-oauth-database.js'), ...driver],
  },
  {
    file: 'src/index.ts',
    allowed: [value('./redis-oauth-database.js'), type('./options/options.js')],
    refused: [
      value('./admin/probe.js'),
      value('./mcp/probe.js'),
      value('./cli/probe.js'),
      ...driver,
      type('@atxp/common'),
    ],
  },
  {
    file: 'src/index.mts',
    allowed: [value('./index.js')],
    refused: [
      ...belowTheClass.map(value),
      ...leavesFrom('./').map(value),
      value('./redis-oauth-database.js'),
      value('./options/options.js'),
      value('ioredis'),
      type('@atxp/common'),
    ],
  },
]

let directory: string
let refusals: Set<string>

/** The linters end with 1 when they find something, so only their output counts. */
function readReport(program: string, args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const file = join(root, 'node_modules/.bin', program)
    execFile(file, args, { cwd: directory, maxBuffer: 1e8 }, (_error, stdout) => resolve(stdout))
  })
}

async function refusedByBiome(): Promise<string[]> {
  const args = [
    'lint',
    '--only=style/noRestrictedImports',
    '--only=style/noCommonJs',
    '--reporter=json',
    '--max-diagnostics=none',
  ]
  const report = JSON.parse(await readReport('biome', [...args, 'src']))
  return report.diagnostics.map(
    (one: { location: { path: string; start: { line: number } } }) =>
      `${one.location.path}:${one.location.start.line}`,
  )
}

async function refusedByOxlint(): Promise<string[]> {
  const report = JSON.parse(await readReport('oxlint', ['--format=json', 'src']))
  return report.diagnostics.map(
    (one: { filename: string; labels: { span: { line: number } }[] }) =>
      `${one.filename}:${one.labels[0]?.span.line}`,
  )
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'atxp-redis-import-table-'))
  for (const name of ['biome.json', '.oxlintrc.json', '.gitignore']) {
    await copyFile(join(root, name), join(directory, name))
  }
  for (const { file, allowed, refused } of table) {
    await mkdir(dirname(join(directory, file)), { recursive: true })
    await writeFile(join(directory, file), [...allowed, ...refused, ''].join('\n'))
  }
  refusals = new Set([...(await refusedByBiome()), ...(await refusedByOxlint())])
}, 30_000)

afterAll(() => rm(directory, { recursive: true }))

test.each(table)(
  '$file may import its table row and nothing else',
  ({ file, allowed, refused }) => {
    const seen = [...allowed, ...refused].filter((_, index) => refusals.has(`${file}:${index + 1}`))
    expect(seen).toEqual(refused)
  },
)
