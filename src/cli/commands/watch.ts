import { DOCS } from '../../leaves/errors.js'
import { WATCHED, type WatchCounts } from '../../metrics/watch-line.js'
import type { Command } from '../command.js'
import { type Screen, safe } from '../screen.js'
import { type ProcessRates, totalOf, WatchedFleet } from '../watch/fleet.js'
import { hearCounts } from '../watch/hearing.js'

const EVERY_MS = 1_000
/** So long without a line, and nobody is there. */
const SECONDS_TO_BEGIN = 3
const HEADS = ['PROCESS', 'REFRESHES/S', 'WAITS/S', 'RESTS/S', 'REFUSALS/S', 'CACHE HITS/S']

export const watchCommand: Command = {
  summary:
    'shows refreshes, waits and the like a second, by process, if processes publish them; until Ctrl-C',
  operands: '',
  options: {},
  examples: ['atxp-redis watch', 'atxp-redis watch --json | jq .refusals'],
  async run({ screen, signal, open }) {
    const fleet = new WatchedFleet()
    const db = await open()
    const stop = await hearCounts(db, (line) => fleet.hear(line))
    let seconds = 0
    let isHeard = false
    while (await passed(EVERY_MS, signal)) {
      seconds += 1
      const all = fleet.look()
      isHeard ||= all.length > 0
      // Silence may be that of Redis: then the command ends with what is wrong.
      if (all.length === 0) await db.ready()
      if (isHeard) await show(all, screen)
      else if (seconds === SECONDS_TO_BEGIN) {
        await screen.note(`no process publishes here yet: see ${DOCS}/metrics.md#watch-it-live`)
      }
    }
    stop()
    return 0
  },
}

async function show(all: readonly ProcessRates[], screen: Screen): Promise<void> {
  if (screen.isTerminal && !screen.isJson) {
    const rows = all.map(({ process, rates }) => [process, ...cells(rates)])
    await screen.frame(HEADS, [[`all ${all.length}`, ...cells(totalOf(all))], ...rows])
    return
  }
  for (const { process, rates } of all.filter(({ isNew }) => isNew)) {
    if (screen.isJson) await screen.json({ process, ...rates })
    else
      await screen.line(
        `${safe(process)}: ${WATCHED.map((name) => `${name} ${rates[name]}`).join(', ')}`,
      )
  }
}

function cells(rates: WatchCounts): string[] {
  return WATCHED.map((name) => String(rates[name]))
}

/** Resolves after that time with true, or with false when the user interrupts. */
function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false)
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end)
      resolve(true)
    }, ms)
    const end = (): void => {
      clearTimeout(timer)
      resolve(false)
    }
    signal.addEventListener('abort', end, { once: true })
  })
}
