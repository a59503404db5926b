import { Durations, Numbers } from './series.js'
import { Work } from './work.js'

const KINDS = ['refresh', 'registration', 'login', 'singleFlight'] as const

/** All that is counted and measured. A label is a word of the library, or the id of an encryption key: no user, no URL, no token. */
export class Families {
  readonly operations: Durations = new Durations(
    'operation_duration',
    'How long calls took; reads from memory are not among them',
  )
  readonly refreshes: Work = new Work('refresh', 'refreshes', {
    refreshed: 'refreshed',
    refreshReused: 'reused',
    refreshRefused: 'refused',
    refreshRecordGone: 'gone',
    refreshPutOff: 'put_off',
    refreshFailed: 'failed',
    refreshUnknown: 'unknown',
    refreshForeign: 'foreign',
    refreshBound: 'bound',
  })
  readonly registrations: Work = new Work('registration', 'registrations', {
    registered: 'registered',
    registrationShared: 'shared',
    registrationFailed: 'failed',
    registrationUnknown: 'unknown',
  })
  readonly logins: Work = new Work('login', 'logins', {
    loginNeeded: 'needed',
    loginReused: 'reused',
    loggedIn: 'done',
    loginFailed: 'failed',
  })
  readonly rests: Numbers = new Numbers(
    'rests',
    'Failures after which an authorization server is left in peace',
  )
  readonly waits: Numbers = new Numbers(
    'lease_waits',
    'Callers who waited for another at the same work',
    'kind',
    KINDS,
  )
  readonly takeovers: Numbers = new Numbers(
    'lease_takeovers',
    'Leases that came to one who waited, without a result',
    'kind',
    KINDS,
  )
  readonly losses: Numbers = new Numbers(
    'lease_losses',
    'Leases lost before the work was done',
    'kind',
    KINDS,
  )
  readonly giveUps: Numbers = new Numbers(
    'lease_give_ups',
    'Callers who waited in vain',
    'kind',
    KINDS,
  )
  readonly uncoordinated: Numbers = new Numbers(
    'uncoordinated',
    'Work done without a lease, because Redis failed',
    'kind',
    KINDS,
  )
  readonly cacheRequests: Numbers = new Numbers(
    'cache_requests',
    'Reads for which the near cache was asked',
    'result',
    ['hit', 'miss'],
  )
  readonly invalidations: Numbers = new Numbers(
    'cache_invalidations',
    'Records that the near cache dropped because they changed',
  )
  readonly cacheRests: Numbers = new Numbers(
    'cache_rests',
    'Times that the near cache stopped for about a minute, since changes cost more than it spared',
  )
  readonly disarmedSeconds: Numbers = new Numbers(
    'cache_disarmed_seconds',
    'For how long the near cache could keep nothing',
  )
  readonly connections: Numbers = new Numbers(
    'connections',
    'Connections of databases that had none before',
  )
  readonly reconnects: Numbers = new Numbers(
    'reconnects',
    'Connections that took the place of a lost one',
  )
  readonly connectionsLost: Numbers = new Numbers('connections_lost', 'Connections that ended')
  readonly connectionFailures: Numbers = new Numbers(
    'connection_failures',
    'Attempts to connect that failed',
    'code',
  )
  readonly timeouts: Numbers = new Numbers('timeouts', 'Commands without an answer in time')
  readonly redirections: Numbers = new Numbers(
    'redirections',
    'Commands for slots of a Cluster that have moved',
  )
  readonly saveRetries: Numbers = new Numbers(
    'save_retries',
    'New pairs of tokens that could not be saved at once',
    'code',
  )
  readonly pairsLost: Numbers = new Numbers('pairs_lost', 'New pairs of tokens that are lost')
  readonly clientsForgotten: Numbers = new Numbers(
    'clients_forgotten',
    'Registrations that the authorization server no longer knew',
  )
  readonly keySeals: Numbers = new Numbers(
    'encryption_key_seals',
    'Records encrypted with a key',
    'key',
  )

  readonly unsavedPairs: Numbers = new Numbers(
    'unsaved_pairs',
    'New pairs of tokens that Redis does not have yet',
  )
  readonly keyLimits: Numbers = new Numbers(
    'encryption_key_seals_limit',
    'How many records all processes together should encrypt with a key',
    'key',
  )

  get durations(): readonly Durations[] {
    const { operations, refreshes, registrations, logins } = this
    return [operations, ...[refreshes, registrations, logins].map((work) => work.durations)]
  }

  /** Those that only grow. */
  get counters(): readonly Numbers[] {
    const { refreshes, registrations, logins, unsavedPairs, keyLimits, ...others } = this
    const numbers = Object.values(others).filter((one): one is Numbers => one instanceof Numbers)
    return [refreshes.count, registrations.count, logins.count, ...numbers]
  }

  get gauges(): readonly Numbers[] {
    return [this.unsavedPairs, this.keyLimits]
  }
}
