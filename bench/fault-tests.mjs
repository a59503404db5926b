import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../scripts/cleanup.mjs'
import { runTests } from './tests.mjs'

const LOOK_EVERY_MS = 200

/**
 * Runs fault tests, which start their own Redis servers and write lines of JSON to a report, and gives those lines.
 * @param {string[]} files
 * @param {(report: string) => Record<string, string>} environment
 * @param {(lines: any[]) => void} [onProgress] - called with what there is by now
 */
export async function runFaultTests(files, environment, onProgress = () => {}) {
  const report = join(await temporaryFolder(), 'report.jsonl')
  await writeFile(report, '')
  const read = async () =>
    (await readFile(report, 'utf8'))
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line))
  const looking = setInterval(() => {
    void read().then(onProgress)
  }, LOOK_EVERY_MS)
  const args = ['--project', 'faults', '--no-file-parallelism']
  const paths = files.map((file) => `test/faults/${file}`)
  const { code, output } = await runTests([...args, ...paths], environment(report)).finally(() =>
    clearInterval(looking),
  )
  return { lines: await read(), isGood: code === 0, output }
}
