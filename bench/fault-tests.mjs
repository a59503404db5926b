import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const LOOK_EVERY_MS = 200

/**
 * Runs fault tests, which start their own Redis servers and write lines of JSON to a report, and gives those lines.
 * @param {string[]} files
 * @param {(report: string) => Record<string, string>} environment
 * @param {(lines: any[]) => void} [onProgress] - called with what there is by now
 */
export async function runFaultTests(files, environment, onProgress = () => {}) {
  const directory = await mkdtemp(join(tmpdir(), 'fault-tests-'))
  try {
    const report = join(directory, 'report.jsonl')
    await writeFile(report, '')
    const vitest = spawn(
      process.execPath,
      [
        join(ROOT, 'node_modules/vitest/vitest.mjs'),
        ...['run', '--project', 'faults', '--reporter', 'dot', '--no-file-parallelism'],
        ...files.map((file) => `test/faults/${file}`),
      ],
      {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, NO_COLOR: '1', ...environment(report) },
      },
    )
    let output = ''
    for (const stream of [vitest.stdout, vitest.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    const read = async () =>
      (await readFile(report, 'utf8'))
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line))
    const looking = setInterval(() => {
      void read().then(onProgress)
    }, LOOK_EVERY_MS)
    const [code] = await once(vitest, 'exit')
    clearInterval(looking)
    return { lines: await read(), isGood: code === 0, output }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
