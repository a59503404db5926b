import { summarize } from '../stats.mjs'

const ROUNDS = 11
const OPERATIONS = 20_000

/**
 * Prints nanoseconds for each of the operations, by name.
 * Rounds alternate, so that a disturbance of the machine does not fall on one alone. The first does not count.
 */
export function printTimes(operations) {
  const times = new Map(Object.keys(operations).map((title) => [title, []]))
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [title, operation] of Object.entries(operations)) {
      const start = process.hrtime.bigint()
      for (let at = 0; at < OPERATIONS; at += 1) operation(at)
      const nanoseconds = Number(process.hrtime.bigint() - start) / OPERATIONS
      if (round > 0) times.get(title).push(nanoseconds)
    }
  }
  const width = Math.max(20, ...[...times.keys()].map((title) => title.length + 2))
  const columns = (cells) => cells.map((cell) => cell.padStart(8)).join('')
  console.log(`${'ns per operation'.padEnd(width)}${columns(['median', 'min', 'max'])}`)
  for (const [title, list] of times) {
    const { median, min, max } = summarize(list)
    console.log(title.padEnd(width) + columns([median, min, max].map((ns) => ns.toFixed(0))))
  }
}
