// What the tests of `processes.ts` run.
import { serve } from './process-child.mjs'

serve({
  echo: (...args) => args,
  pid: () => process.pid,
  env: (name) => process.env[name],
  fail: () => {
    throw Object.assign(new TypeError('on purpose'), { code: 'PURPOSE' })
  },
  exit: (code) => {
    process.stderr.write('last words\n', () => process.exit(code))
    return new Promise(() => undefined)
  },
  stayAlive: () => {
    setInterval(() => undefined, 1_000)
  },
})
