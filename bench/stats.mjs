/** Of numbers in ascending order. */
export function percentile(sorted, fraction) {
  if (sorted.length === 0) return Number.NaN
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))]
}

/** @returns median, smallest and largest; of an even count the mean of the middle two */
export function summarize(values) {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  const median =
    sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, min: sorted[0], max: sorted[sorted.length - 1] }
}

/** Of the quotients within each round: what disturbs the machine for a while disturbs both. */
export function summarizeRatios(values, baseline) {
  return summarize(values.map((value, round) => value / baseline[round]))
}
