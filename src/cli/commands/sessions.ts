import { type Session, sessions } from '../../admin/sessions.js'
import type { Command } from '../command.js'
import type { Screen } from '../screen.js'

const NAMES = [
  'URL',
  'ACCESS TOKEN UNTIL',
  'REFRESH TOKEN',
  'RECORD UNTIL',
  'LAST REFRESHED',
  'LAST FAILURE',
]

export const sessionsCommand: Command = {
  summary: 'lists the sessions of a user, without secrets',
  operands: 'USER',
  options: {},
  examples: ['atxp-redis sessions user_123', 'atxp-redis sessions user_123 --json'],
  async run({ given, screen, open }) {
    const [user = ''] = given.operands
    await showSessions(await sessions(await open(), user), screen)
    return 0
  },
}

export async function showSessions(all: readonly Session[], screen: Screen): Promise<void> {
  if (screen.isJson) await screen.json(all)
  else if (all.length === 0) await screen.note('no sessions')
  else await screen.table(NAMES, all.map(rowOf))
}

function rowOf(session: Session): string[] {
  const { url, isReadable, fingerprint, expiresAt, recordExpiresAt, lastRefreshedAt } = session
  const place = url ?? '(a name that cannot be read)'
  if (!isReadable) return [place, `cannot be read: record ${fingerprint}`]
  const { lastFailure: failure } = session
  return [
    place,
    timeOf(expiresAt),
    session.hasRefreshToken ? 'yes' : 'no',
    timeOf(recordExpiresAt),
    timeOf(lastRefreshedAt),
    failure ? `${failure.code}, ${failure.failures} in a row` : '-',
  ]
}

function timeOf(date: Date | null): string {
  return date === null ? '-' : date.toISOString()
}
