import { createRequire } from 'node:module'
import * as esm from '@atxp/redis'

const cjs = createRequire(import.meta.url)('@atxp/redis')

const names = Object.keys(esm)
const values = Object.entries(esm)
console.log(
  JSON.stringify({
    same: values.every(([name, value]) => value === cjs[name]),
    missing: Object.keys(cjs).filter((name) => !names.includes(name)),
    names: names.filter((name) => name.startsWith('RedisOAuthDatabase')).sort(),
  }),
)
