import { fileURLToPath } from 'node:url'
import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { eventually } from '../eventually.js'
import { startProcesses, type TestProcess } from '../processes/processes.js'
import type { Call, Login, Turn } from './history.js'

const entry = fileURLToPath(new URL('load-process.mjs', import.meta.url))

/** What a process has done since it was last asked. */
export interface Record {
  calls: Call[]
  logins: Login[]
  turns: Turn[]
  /** Calls, from the beginning. */
  started: number
  ended: number
  /** The longest time for which the process itself did not come to look at its timers and sockets. */
  lagMs: number
}

/** What is left of a database that was closed. */
interface Remains {
  resourcesBefore: string[]
  resourcesAfter: string[]
  warnings: string[]
}

export interface LoadOptions {
  database: RedisOAuthDatabaseOptions
  /** @defaultValue 3 */
  processes?: number | undefined
  /** Between two calls of a loop; a few milliseconds unless given. */
  pauseMs?: number | undefined
  /** For each process, its own environment. */
  env?: ((index: number) => { [name: string]: string }) | undefined
  /** Called on each process before it opens its database. */
  prepare?: ((process: TestProcess) => Promise<unknown>) | undefined
}

/** The last of the processes reads from its own memory. */
export const hasCache = (index: number, processes: number): boolean => index === processes - 1

function optionsOf(index: number, processes: number, database: RedisOAuthDatabaseOptions) {
  return hasCache(index, processes) ? { ...database, cache: true } : database
}

/** The one clock of all processes. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** Several processes that use one Redis without a pause and keep a record of it. */
export class Load {
  readonly processes: TestProcess[]

  constructor(processes: TestProcess[]) {
    this.processes = processes
  }

  static async start({
    database,
    processes = 3,
    pauseMs,
    env,
    prepare,
  }: LoadOptions): Promise<Load> {
    const started = await Promise.all(
      Array.from({ length: processes }, async (_, i) => {
        const [one] = await startProcesses({ entry, ...(env && { env: env(i) }) })
        if (one === undefined) throw new Error('no process was started')
        return one
      }),
    )
    const load = new Load(started)
    try {
      if (prepare) await Promise.all(started.map(prepare))
      await Promise.all(
        started.map((each, i) => each.call('open', optionsOf(i, processes, database))),
      )
      await Promise.all(started.map((each, i) => each.call('start', i, processes, pauseMs)))
      await load.mended()
      await load.well()
      return load
    } catch (error) {
      await load.kill()
      throw error
    }
  }

  all<T>(name: string, ...args: unknown[]): Promise<T[]> {
    return Promise.all(this.processes.map((each) => each.call<T>(name, ...args)))
  }

  /** From now on all has to go well again. */
  async mended(): Promise<void> {
    await this.all('mended')
  }

  /** Waits until every loop of every process has had some calls in a row that ended well. */
  async well(withinMs = 20_000): Promise<void> {
    await eventually(async () => (await this.all<boolean>('isWell')).every(Boolean), { withinMs })
  }

  /** Waits until each process has made so many further calls. */
  async called(times: number, withinMs = 20_000): Promise<void> {
    const before = await this.all<number>('calls')
    await eventually(
      async () => {
        const now = await this.all<number>('calls')
        return now.every((calls, i) => calls >= (before[i] ?? 0) + times)
      },
      { withinMs },
    )
  }

  take(): Promise<Record[]> {
    return this.all<Record>('take')
  }

  /** Lets what is under way end. */
  stop(): Promise<Record[]> {
    return this.all<Record>('stop')
  }

  /** Closes the databases and waits until the processes have ended by themselves. */
  async end(withinMs = 10_000): Promise<{ remains: Remains[]; codes: (number | null)[] }> {
    const remains = await this.all<Remains>('close')
    const ends = Promise.all(this.processes.map((each) => each.finish()))
    const codes = (await eventually(() => ends, { withinMs })).map(({ code }) => code)
    return { remains, codes }
  }

  async kill(): Promise<void> {
    await Promise.all(this.processes.map((each) => each.kill()))
  }
}
