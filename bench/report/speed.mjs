import { summarizeRatios } from '../stats.mjs'
import { plural } from '../words.mjs'
import { format, formatSummary } from './metrics.mjs'
import { toMarkdown } from './tables.mjs'

const CALLERS = [1, 4, 8, 16, 64, 512]
const COORDINATED = [4, 8, 16, 64]

/** What the README says of speed, with the numbers of the last runs; undefined if one of them is missing. */
export function speedOf(results) {
  const ratio = ratiosIn(results)
  const rows = CALLERS.map((callers) => [
    String(callers),
    ...['reads', 'writes'].flatMap((operation) => {
      const group = ['callers', `${operation}, ${plural(callers, 'caller')}`]
      const cpu = ratio(...group, { metric: 'cpuMicros' })
      return [formatted(ratio(...group)), cpu && format(cpu.median)]
    }),
  ])
  const texts = medians(ratio, 64, { of: 'ours-text' })
  const sealed = medians(ratio, 64, { of: 'ours-encrypted', over: 'upstream-encrypted' })
  const fleet = formatted(ratio('sharing', '4 instances of 4'))
  const [unlike] = medians(ratio, 64, { of: 'ours-encrypted' })
  const [hot] = medians(ratio, 64, { of: 'ours-hot' })
  const coordinated = COORDINATED.map((callers) => {
    const summary = ratio('callers', `reads, ${callers} callers`, { of: 'ours-coordinated' })
    return summary && format(summary.median)
  })
  const all = [...rows.flat(), ...coordinated, ...texts, ...sealed, unlike, hot, fleet]
  if (all.includes(undefined)) return undefined
  const head = ['Calls under way', '`getAccessToken`', 'CPU each', '`saveAccessToken`', 'CPU each']
  return [
    toMarkdown([head, ...rows]),
    `With a coordinated \`fetch\`, \`getAccessToken\` has ${coordinated.join(', ')} at ${COORDINATED.join(', ')} calls. ` +
      `Four processes with 4 calls each,\nnine reads to one write: ${fleet}. The token API with 64 calls: reads ${texts[0]}, writes ${texts[1]}. ` +
      `Encrypted, compared with\nthe same implementation with encryption: reads ${sealed[0]}, writes ${sealed[1]}; without encryption: reads ${unlike}, ` +
      `of records that were read before ${hot}.`,
  ].join('\n\n')
}

function ratiosIn(results) {
  return (scenario, title, { of = 'ours', over = 'upstream', metric = 'perSecond' } = {}) => {
    const group = results[scenario]?.groups.find((group) => group.title === title)
    if (group?.results[of] === undefined) return undefined
    const [mine, theirs] = [of, over].map((name) => group.results[name].map((one) => one[metric]))
    return summarizeRatios(mine, theirs)
  }
}

function formatted(summary) {
  return summary && formatSummary(summary)
}

function medians(ratio, callers, contenders) {
  return ['reads', 'writes'].map((operation) => {
    const summary = ratio('throughput', `${operation}, ${callers} callers`, contenders)
    return summary && format(summary.median)
  })
}
