import { afterAll, expect, it } from 'vitest'
import { startProcesses, type TestProcess } from '../processes/processes.js'
import { isReported, makeRuns, processes, RUNS_TIMEOUT_MS } from '../scenarios/runs.js'
import { inOutage, type Outage, type OutageOptions, type ProcessPool, REFRESHER } from './outage.js'

const TIMEOUT_MS = 120_000

afterAll(() => pool.end())

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
  it(`when ${name}`, run, isReported ? RUNS_TIMEOUT_MS : TIMEOUT_MS)
}

async function runAndReport(
  name: string,
  test: (outage: Outage) => Promise<void>,
  options: OutageOptions,
): Promise<void> {
  const under: { outage?: Outage } = {}
  const observed = () => under.outage?.observed ?? {}
  const run = async () => {
    delete under.outage
    await inOutage(
      (outage) => {
        under.outage = outage
        return test(outage)
      },
      { ...options, pool },
    )
    return { expected: {}, observed: observed(), failures: [] }
  }
  const missed = await makeRuns(name, run, { observed })
  expect(missed).toEqual([])
}

/** To start one costs more than most of what it does here. For all tests of a file. */
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

const pool = new ReusedProcesses()
