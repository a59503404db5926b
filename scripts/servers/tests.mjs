import { vitest } from '../vitest.mjs'
import { suiteServer } from './suites.mjs'

// `tests`: each is a project of vitest and what `vitest run` takes beside it. Those of one list run side by side, since they wait more
// than they compute.

/** The newest of each kind, and what differs most between them: a minute together. */
const SHORT = {
  servers: ['trixie-redis', 'sid-valkey'],
  tests: [
    [
      [
        'redis',
        'test/redis/tokens/tokens.test.ts',
        'test/redis/tokens/expiry.test.ts',
        'test/redis/records/records.test.ts',
        'test/redis/near-cache/near-cache.test.ts',
        'test/redis/encryption/coordination.test.ts',
        'test/redis/connection/commands-sent.test.ts',
        'test/redis/outages/reply-errors.test.ts',
      ],
    ],
  ],
}

/** These need no server, have servers that lie, or break the network to one. */
const WITHOUT_SERVER = ['history', 'replies', 'network']

/** Of the scenarios, those that a server can decide: the others are about what authorization servers answer. */
const FULL = {
  servers: ['bookworm', 'trixie-redis', 'trixie-valkey', 'sid-valkey'],
  tests: [
    [
      [
        'redis',
        'test/redis/tokens',
        'test/redis/records',
        'test/redis/encryption',
        'test/redis/near-cache',
        'test/redis/servers',
        'test/redis/connection/commands-sent.test.ts',
        'test/redis/outages/reply-errors.test.ts',
      ],
    ],
    [
      ['fleet', 'test/fleet/scenarios.test.ts'],
      ['faults', ...WITHOUT_SERVER.map((name) => `--exclude=test/faults/${name}.test.ts`)],
    ],
  ],
  env: { FLEET_ONLY: 'Redis|stalls|killed after|(database|access token|resource server)$' },
}

/** Below the oldest that the library takes. */
const TOO_OLD = { servers: ['bullseye'], tests: [[['too-old']]] }

/**
 * Runs the tests on servers of Debian's suites, one after the other. One that cannot be had is named and left out.
 * @param isShort - only what a minute has room for
 * @returns `{ code, output, counts, note }`; the note has the versions
 */
export async function testServers(isShort, report) {
  const notes = []
  const results = []
  for (const { servers, tests, env } of isShort ? [SHORT] : [FULL, TOO_OLD]) {
    for (const name of servers) {
      report(name)
      const server = await suiteServer(name)
      notes.push(server.version ?? `${name} left out: ${server.reason}`)
      if (server.path !== undefined) results.push(...(await testsOn(server, tests, env, report)))
    }
  }
  const sum = (state) => results.reduce((total, { counts }) => total + counts[state], 0)
  const failures = results.filter(({ code }) => code !== 0)
  return {
    code: failures.length === 0 ? 0 : 1,
    output: failures.map(({ version, output }) => `${version}:\n${output}`).join('\n'),
    counts: { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') },
    note: notes.join(', '),
  }
}

async function testsOn({ path, version }, tests, env, report) {
  const results = []
  for (const beside of tests) {
    const runs = beside.map(([project, ...files]) =>
      vitest(['--project', project, ...files], {
        env: { ...env, REDIS_SERVER_BIN: path },
        onCount: ({ passed, failed }) =>
          report(`${passed + failed} ${project} tests on ${version}`),
      }),
    )
    results.push(...(await Promise.all(runs)).map((result) => ({ version, ...result })))
  }
  return results
}
