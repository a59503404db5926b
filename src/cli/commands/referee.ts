import { formatReport } from '../../referee/report.js'
import { type RefereeReport, runReferee } from '../../referee/run.js'
import type { ScenarioName } from '../../referee/scenarios.js'
import { type Arguments, UsageError } from '../arguments.js'
import type { Command, Context } from '../command.js'
import { safe } from '../screen.js'

export const refereeCommand: Command = {
  summary:
    'checks whether processes of an MCP client can share one session; COMMAND starts one of them',
  operands: 'COMMAND...',
  isLocal: true,
  options: {
    processes: { type: 'string', value: 'N', help: 'how many share the session; 8 unless set' },
    scenario: { type: 'string', value: 'NAME', help: "runs only this one, as 'cold start'" },
    timeout: {
      type: 'string',
      value: 'MS',
      help: 'the longest that a call may take; 30000 unless set',
    },
  },
  examples: [
    'atxp-redis referee -- node client.mjs',
    'atxp-redis referee --processes 32 --json -- python3 client.py',
  ],
  async run(context) {
    const { screen } = context
    const report = await judge(context)
    if (screen.isJson) await screen.json(report)
    else for (const line of formatReport(report).split('\n')) await screen.line(safe(line))
    return report.passed ? 0 : 1
  },
}

async function judge({ given, screen, env, signal }: Context): Promise<RefereeReport> {
  const scenario = given.text('scenario')
  try {
    return await runReferee({
      command: given.operands,
      processes: numberOf(given, 'processes'),
      timeoutMs: numberOf(given, 'timeout'),
      // What it does not know, it refuses itself.
      scenarios: scenario === undefined ? undefined : [scenario as ScenarioName],
      env: env as Readonly<Record<string, string>>,
      signal,
      onScenario: ({ name, passed }) =>
        void screen.note(`${passed ? 'passed' : 'failed'}: ${name}`),
    })
  } catch (error) {
    // Of options, and of no value of theirs that may be a secret.
    if (error instanceof TypeError) throw new UsageError(error.message)
    throw error
  }
}

function numberOf(given: Arguments, name: string): number | undefined {
  const text = given.text(name)
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name} takes a whole number`)
  return Number(text)
}
