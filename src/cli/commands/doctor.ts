import { doctor } from '../../admin/doctor/doctor.js'
import type { Finding } from '../../admin/doctor/finding.js'
import type { Command } from '../command.js'
import { type Colour, type Screen, safe } from '../screen.js'
import { walking } from '../walking.js'

const COLOUR_OF: Readonly<Record<Finding['mark'], Colour>> = {
  ok: 'green',
  advice: 'yellow',
  trouble: 'red',
}

export const doctorCommand: Command = {
  summary:
    'checks connection, server, rights and records, and says what to do; exit code 1 on trouble',
  operands: '',
  options: {},
  examples: ['atxp-redis doctor', 'atxp-redis doctor --config ./redis-options.mjs --json'],
  async run(context) {
    const { screen } = context
    const db = await context.open()
    const findings = await walking(db, context, (options) => doctor(db, options))
    const isTrouble = findings.some(({ mark }) => mark === 'trouble')
    if (screen.isJson) await screen.json(findings)
    else for (const finding of findings) await screen.line(lineOf(finding, screen))
    return isTrouble ? 1 : 0
  },
}

function lineOf({ mark, fact, advice, code }: Finding, screen: Screen): string {
  const shown = screen.colour(COLOUR_OF[mark], mark.padEnd(7))
  if (advice === null) return `${shown}  ${safe(fact)}`
  return `${shown}  ${safe(fact)}. ${safe(advice)} [${code}]`
}
