/** What one process did between two of its lines, as it is published for `atxp-redis watch`. */
export interface WatchLine {
  readonly process: string
  /** How long that was. */
  readonly seconds: number
  readonly counts: WatchCounts
}

/** In the order in which they are shown. */
export const WATCHED = ['refreshes', 'waits', 'rests', 'refusals', 'cacheHits'] as const

export type WatchCounts = Readonly<Record<(typeof WATCHED)[number], number>>

const FORMAT = 1
const MAX_CHARACTERS = 512
const MAX_NAME = 80
/** Processes publish once a second; a rate has to stay finite. */
const MIN_SECONDS = 0.1
const MAX_SECONDS = 3_600

export function writeWatchLine({ process, seconds, counts }: WatchLine): string {
  const name = process.slice(0, MAX_NAME)
  return JSON.stringify({ format: FORMAT, process: name, seconds, ...counts })
}

/**
 * Null for what is no such line, and for one of another format. Whoever may publish on the channel can send anything, so a line is
 * bounded; what a terminal must not see of the name is for the screen to escape.
 */
export function readWatchLine(text: string): WatchLine | null {
  if (text.length > MAX_CHARACTERS) return null
  const { format, process, seconds, ...counts } = parsed(text)
  if (format !== FORMAT || typeof process !== 'string') return null
  if (process === '' || process.length > MAX_NAME) return null
  if (typeof seconds !== 'number' || !(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS))
    return null
  const checked = WATCHED.map((name) => [name, counts[name]] as const)
  if (!checked.every(([, count]) => Number.isSafeInteger(count) && (count as number) >= 0)) {
    return null
  }
  return { process, seconds, counts: Object.fromEntries(checked) as WatchCounts }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
