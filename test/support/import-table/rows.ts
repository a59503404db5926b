// The words of the table: what a probe file of each room may import, and what the linters have to refuse it.

export const value = (from: string) => `export { one } from '${from}'`
export const type = (from: string) => `export type { One } from '${from}'`
export const load = (from: string) => `export const one = import('${from}')`
export const demand = (from: string) => `export const one = require('${from}')`

export const leaves = [
  'contract',
  'errors',
  'clock',
  'diagnostics',
  'tracing',
  'well-formed',
  'recent-map',
  'defaults',
]
export const leavesFrom = (up: string) => leaves.map((leaf) => `${up}leaves/${leaf}.js`)
export const rooms = ['record', 'crypto', 'redis', 'cache', 'flight', 'oauth']
const above = [
  'store',
  'options',
  'database',
  'admin',
  'mcp',
  'metrics',
  'conformance',
  'cli',
  'referee',
]
export const driver = [value('ioredis'), type('ioredis')]

export interface Row {
  file: string
  allowed: string[]
  refused: string[]
}

export function leaf(name: string): Row {
  return {
    file: `src/leaves/${name}.ts`,
    allowed: [value('node:crypto')],
    refused: [
      value('../options/options.js'),
      value('../record/keys.js'),
      load('../options/options.js'),
      demand('../options/options.js'),
      type('../options/options.js'),
      type('ioredis'),
      type('@atxp/common'),
    ],
  }
}

/** A room that imports leaves, and the rooms `below` it. */
export function room(name: string, below: string[] = []): Row {
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
      value('../database/redis-oauth-database.js'),
      value('../index.js'),
      value('..'),
      value('ioredis'),
      type('ioredis'),
      value('ioredis/built/utils/index.js'),
      type('@atxp/common'),
    ],
  }
}
