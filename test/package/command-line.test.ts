import { describe, expect, inject, test } from 'vitest'
import { runIn } from './scratch.js'

const scratch = inject('scratch')
const PROGRAM = 'node_modules/@atxp/redis/dist/cli.js'

const nodes = inject('runtimes').filter(({ kind }) => kind === 'node')

describe.concurrent.each(nodes.map((runtime) => [runtime.version, runtime] as const))(
  'on Node %s',
  (version, { path }) => {
    test('atxp-redis helps, or says in words which Node it needs', async () => {
      const { code, stdout, stderr } = await runIn(scratch, path, [PROGRAM, '--help'])
      if (Number.parseInt(version, 10) < 18) {
        expect([code, stdout]).toEqual([1, ''])
        expect(stderr).toBe(
          `atxp-redis needs Node 18.3 or later, and this is v${version}. The library itself runs on Node 16.\n`,
        )
      } else {
        expect([code, stderr]).toEqual([0, ''])
        expect(stdout).toContain('doctor')
      }
    })

    test('atxp-redis loads every command', async () => {
      const { code, stdout } = await runIn(scratch, path, [
        PROGRAM,
        'keygen',
        '--id',
        'a',
        '--json',
      ])
      if (Number.parseInt(version, 10) < 18) expect(code).toBe(1)
      else expect(Object.keys(JSON.parse(stdout))).toEqual(['ATXP_REDIS_ENCRYPTION_KEYS'])
    })
  },
)
