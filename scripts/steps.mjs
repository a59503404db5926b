import { join } from 'node:path'
import { temporaryFolder } from './cleanup.mjs'
import { root, run } from './command.mjs'
import { testExamples } from './examples.mjs'
import { testServers } from './servers/tests.mjs'
import { tarballToTest } from './tarball.mjs'
import { vitest } from './vitest.mjs'

const tool = (name) => join(root, 'node_modules/.bin', name)

/** A step that passes when its command does. */
const command =
  (file, ...args) =>
  () =>
    run(file, args)

/** A step that counts the tests of one vitest project. */
const project = (name) => (report) =>
  vitest(['--project', name], {
    onCount: ({ passed, failed }) => report(`${passed + failed} tests`),
  })

/** In short, unless the step was asked for by its name. */
const otherServers = (report, { named }) => testServers(!named.includes('servers'), report)

/** A step that checks the tarball that npm would publish. */
const onTarball =
  (file, ...args) =>
  async () =>
    run(file, [...args, await tarballToTest(await temporaryFolder())])

/** One report for each entry point; `npm run api` writes them anew. */
const apiReports = async () => {
  const configs = [
    'api-extractor.json',
    'api-extractor.conformance.json',
    'api-extractor.admin.json',
    'api-extractor.mcp.json',
    'api-extractor.referee.json',
    'api-extractor.metrics.json',
  ]
  const results = []
  for (const config of configs) {
    results.push(await run(tool('api-extractor'), ['run', '--config', config]))
  }
  return {
    code: Math.max(...results.map(({ code }) => code)),
    output: results.map(({ output }) => output).join('\n'),
  }
}

/** All checks, in the order in which they run: the quick ones that fail most often come first. */
export const steps = [
  {
    name: 'lint',
    says: 'format, lint, import table',
    work: command(tool('biome'), 'ci', '--error-on-warnings', '.'),
  },
  {
    name: 'promises',
    says: 'type-aware lint',
    work: command(tool('oxlint'), '--type-aware', '--deny-warnings'),
  },
  {
    name: 'build',
    says: 'CommonJS build with its ESM face',
    work: command(process.execPath, 'scripts/build.mjs'),
  },
  {
    name: 'types',
    says: 'types of the tests',
    work: command(tool('tsc'), '-p', 'test'),
    needs: ['build'],
  },
  { name: 'unit', says: 'unit and property tests', work: project('unit') },
  { name: 'redis', says: 'tests on real Redis servers', work: project('redis'), needs: ['build'] },
  {
    name: 'oldest',
    says: 'the same with the oldest ioredis',
    work: project('oldest'),
    needs: ['build'],
  },
  { name: 'fleet', says: 'tests of many processes', work: project('fleet'), needs: ['build'] },
  {
    name: 'faults',
    says: 'failing servers and networks, and a soak',
    work: project('faults'),
    needs: ['build'],
  },
  {
    name: 'servers',
    says: 'other servers; all and in full by name',
    work: otherServers,
    needs: ['build'],
  },
  {
    name: 'package',
    says: 'the packed tarball on Node, Bun, Deno',
    work: project('package'),
    needs: ['build'],
  },
  {
    name: 'publint',
    says: 'package.json against the tarball',
    work: onTarball(tool('publint'), 'run', '--strict'),
    needs: ['build'],
  },
  {
    name: 'attw',
    says: 'types as every module system sees them',
    work: onTarball(tool('attw')),
    needs: ['build'],
  },
  {
    name: 'api',
    says: 'public API against its reports in etc/',
    work: apiReports,
    needs: ['build'],
  },
  {
    name: 'examples',
    says: 'every example, copied out of the repository',
    work: (report, { redisServer }) => testExamples(report, redisServer),
    needs: ['build'],
  },
  {
    name: 'bench',
    says: 'right answers of all that is compared',
    work: command(process.execPath, 'bench/run.mjs', '--short'),
    needs: ['build'],
  },
  {
    name: 'ratios',
    says: 'how fast against plain ioredis; fails only for wrong answers',
    work: command(
      process.execPath,
      'bench/run.mjs',
      '--quick',
      '--seconds',
      '0.05',
      '--rounds',
      '3',
    ),
    needs: ['build'],
    isShown: true,
  },
  {
    name: 'site',
    says: 'the documentation site; by name only',
    work: command(process.execPath, 'scripts/site.mjs'),
    isNamedOnly: true,
  },
]
