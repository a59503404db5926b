/** What ioredis says of the last Sentinel that it asked, when none could be asked; undefined of another failure. */
export function lastSentinelErrorOf(message: string): string | undefined {
  if (!message.startsWith('All sentinels are unreachable')) return undefined
  return message.split('Last error: ')[1] ?? ''
}

/** ioredis' word that the nodes of a Cluster have refused a command, each for another, as often as a client lets them. */
export const MISDIRECTED: RegExp =
  /^Too many Cluster redirections(?!\. Last error: (Error: )?Connection is closed)/

/** ioredis' words for its own time limits: of a command, of a Sentinel, of the question for a Cluster's slots. */
export const TIMED_OUT: RegExp = /timed out|^timeout$/i

/** With which ioredis' own errors begin. What stands behind may be a reply. */
export const DRIVER_TEXTS: readonly string[] = [
  'All sentinels are unreachable',
  'Cluster is ended',
  'Command aborted due to connection close',
  'Command queue state error',
  'Command timed out',
  'Connection in subscriber mode',
  'Connection is closed.',
  'Failed to refresh slots cache',
  'None of startup nodes is available',
  'Protocol error',
  'Reached the max retries per request limit',
  'Ready check failed',
  'Socket timeout',
  "Stream isn't writeable and enableOfflineQueue options is false",
  'Too many Cluster redirections',
  'connect ETIMEDOUT',
  'timeout',
]
