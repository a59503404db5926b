import { expect, it } from 'vitest'
import { startProcesses, type TestProcess } from '../processes/processes.js'
import { isReported, missingRuns, processes, repeats } from '../scenarios/runs.js'
import { inOutage, type Outage, type OutageOptions, type ProcessPool, REFRESHER } from './outage.js'

const TIMEOUT_MS = 120_000

/**
 * A test of one outage, with processes of its own, which may run beside others. bench/fleet-scenarios.mjs has it run many times, with
 * as many processes as it says, and reads what was counted.
 */
export function outageTest(
  name: string,
  test: (outage: Outage) => Promise<void>,
  options: OutageOptions = {},
): void {
  const run = isReported
    ? () => runAndReport(name, test, { ...options, peers: processes - 1 })
    : () => inOutage(test, options)
  it(`when ${name}`, run, TIMEOUT_MS * repeats)
}

async function runAndReport(
  name: string,
  test: (outage: Outage) => Promise<void>,
  options: OutageOptions,
): Promise<void> {
  const pool = new ReusedProcesses()
  const missed: string[] = []
  try {
    for (const report of missingRuns(name)) {
      let outage: Outage | undefined
      const violated: string[] = []
      const counted = async (one: Outage): Promise<void> => {
        outage = one
        await test(one)
      }
      await inOutage(counted, { ...options, pool }).catch((error: Error) => {
        violated.push(error.message)
      })
      missed.push(...violated)
      report({ violated, expected: {}, observed: outage?.observed ?? {}, failures: [] })
    }
  } finally {
    await pool.end()
  }
  expect(missed).toEqual([])
}

/** To start one costs more than most of what it does here. */
class ReusedProcesses implements ProcessPool {
  readonly #idle: TestProcess[] = []

  async take(): Promise<TestProcess> {
    const [process = this.#idle.pop()] =
      this.#idle.length === 0 ? await startProcesses({ entry: REFRESHER }) : []
    return process as TestProcess
  }

  async giveBack(process: TestProcess): Promise<void> {
    if (!process.running) return
    process.resume()
    await process.call('close', { timeoutMs: 0 })
    this.#idle.push(process)
  }

  async end(): Promise<void> {
    await Promise.all(this.#idle.map((process) => process.kill()))
  }
}
