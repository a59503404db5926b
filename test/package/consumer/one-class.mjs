import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// Compares what `import` and `require` give for every entry point of the installed package.

const require = createRequire(import.meta.url)
const manifest = JSON.parse(readFileSync(require.resolve('@atxp/redis/package.json'), 'utf8'))
const entries = Object.keys(manifest.exports).filter((entry) => !entry.endsWith('.json'))

const report = {}
for (const entry of entries) {
  const specifier = `@atxp/redis${entry.slice(1)}`
  const cjs = require(specifier)
  const esm = { ...(await import(specifier)) }
  const names = new Set([...Object.keys(cjs), ...Object.keys(esm)])
  report[entry] = [...names].filter((name) => cjs[name] === undefined || cjs[name] !== esm[name])
}
console.log(JSON.stringify(report))
