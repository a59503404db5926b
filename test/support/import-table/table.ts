import { oauthTable } from './oauth-rooms.js'
import { redisTable } from './redis-rooms.js'
import {
  driver,
  leaf,
  leaves,
  leavesFrom,
  load,
  type Row,
  room,
  rooms,
  type,
  value,
} from './rows.js'

const store = room('store', rooms)

const belowTheClass = [...rooms, 'store', 'database'].map((name) => `./${name}/probe.js`)
/** Of a room that works with the class: `up` leads to `src`. */
function aboveClass(name: string, up: string): Row {
  return {
    file: `src/${name}/probe.ts`,
    allowed: [
      './neighbour.js',
      ...leavesFrom(up),
      ...[...rooms, 'store', 'database'].map((other) => `${up}${other}/probe.js`),
    ].map(value),
    refused: [
      ...['index', 'admin', 'conformance', 'cli/probe', 'referee/probe'].map((other) =>
        value(`${up}${other}.js`),
      ),
      value('..'),
      ...driver,
      type('@atxp/common'),
    ],
  }
}

function adminRoom(name: string, up: string, own: string[], others: string[] = []): Row {
  const { file, allowed, refused } = aboveClass(name, up)
  const above = [...others, `${up}mcp/probe.js`]
  return {
    file,
    allowed: [...allowed, ...own.map(value)],
    refused: [...refused, ...above.map(value)],
  }
}

function mcpRoom(name: string, up: string, own: string[], others: string[] = []): Row {
  const { file, allowed, refused } = aboveClass(name, up)
  const sdks = [
    '@modelcontextprotocol/sdk/client/auth.js',
    '@modelcontextprotocol/client',
    '@ai-sdk/mcp',
  ]
  const above = [...others, `${up}admin/probe.js`]
  return {
    file,
    allowed: [...allowed, ...own.map(value)],
    refused: [...refused, ...above.map(value), ...sdks.map(type)],
  }
}

/** A room inside of `store/`. */
function storeRoom(name: string): Row {
  const above = [
    '../probe.js',
    ...(name === 'bulk' ? [] : ['../bulk/probe.js']),
    ...['options', 'database', 'admin', 'mcp', 'cli'].map((other) => `../../${other}/probe.js`),
  ]
  return {
    file: `src/store/${name}/probe.ts`,
    allowed: [
      './neighbour.js',
      '../vault/vault.js',
      ...leavesFrom('../../'),
      ...rooms.map((other) => `../../${other}/probe.js`),
    ].map(value),
    refused: [...[...above, '../../index.js', '..'].map(value), ...driver, type('@atxp/common')],
  }
}

/** What `docs/architecture.md` says of rooms, as the linters have to hold it. */
export const table: Row[] = [
  ...leaves.map(leaf),
  ...['record', 'crypto', 'cache', 'flight', 'conformance'].map((name) => room(name)),
  ...oauthTable,
  ...redisTable,
  store,
  storeRoom('vault'),
  storeRoom('bulk'),
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
      type('../database/redis-oauth-database.js'),
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
    ],
    refused: [
      value('../index.js'),
      ...['admin', 'mcp', 'metrics', 'cli', 'conformance', 'referee'].map((name) =>
        value(`../${name}/probe.js`),
      ),
      value('..'),
      ...driver,
      type('@atxp/common'),
    ],
  },
  adminRoom(
    'admin',
    '../',
    ['transfer', 'published', 'doctor'].map((name) => `./${name}/probe.js`),
  ),
  adminRoom(
    'admin/transfer',
    '../../',
    ['../walk.js'],
    ['../published/probe.js', '../doctor/probe.js'],
  ),
  adminRoom(
    'admin/published',
    '../../',
    ['../walk.js', '../transfer/probe.js'],
    ['../doctor/probe.js'],
  ),
  adminRoom(
    'admin/doctor',
    '../../',
    ['../walk.js'],
    ['../transfer/probe.js', '../published/probe.js'],
  ),
  {
    file: 'src/admin.ts',
    allowed: [value('./admin/probe.js'), value('./database/redis-oauth-database.js')],
    refused: [value('./index.js'), value('./cli/probe.js'), ...driver, type('@atxp/common')],
  },
  mcpRoom('mcp', '../', ['./login/probe.js']),
  mcpRoom(
    'mcp/login',
    '../../',
    ['../shapes.js', '../checks.js', '../registrations.js'],
    ['../provider.js', '../probe.js'],
  ),
  {
    file: 'src/mcp.ts',
    allowed: [value('./mcp/probe.js')],
    refused: [value('./index.js'), value('./cli/probe.js'), type('@ai-sdk/mcp'), ...driver],
  },
  adminRoom('metrics', '../', [], ['../admin/probe.js', '../metrics.js']),
  {
    file: 'src/metrics.ts',
    allowed: [value('./metrics/probe.js'), type('./metrics/probe.js')],
    refused: [
      value('./index.js'),
      value('./leaves/diagnostics.js'),
      value('./cli/probe.js'),
      type('@opentelemetry/api'),
      ...driver,
    ],
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
    refused: [value('./index.js'), value('./leaves/errors.js'), ...driver, type('@atxp/common')],
  },
  {
    file: 'src/cli/probe.ts',
    allowed: [
      value('./neighbour.js'),
      value('../admin/probe.js'),
      value('../metrics/probe.js'),
      value('../leaves/errors.js'),
    ],
    refused: [value('../index.js'), value('../cli.js'), ...driver, type('@atxp/common')],
  },
  {
    file: 'src/cli.ts',
    allowed: [load('./cli/probe.js')],
    refused: [value('./index.js'), value('./database/redis-oauth-database.js'), ...driver],
  },
  {
    file: 'src/index.ts',
    allowed: [value('./database/redis-oauth-database.js'), type('./options/options.js')],
    refused: [
      value('./admin/probe.js'),
      value('./mcp/probe.js'),
      value('./metrics/probe.js'),
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
      value('./database/redis-oauth-database.js'),
      value('./options/options.js'),
      value('ioredis'),
      type('@atxp/common'),
    ],
  },
]
