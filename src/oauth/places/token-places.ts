import { createHash } from 'node:crypto'
import type { AccessToken } from '../../leaves/contract.js'
import { weightOf } from '../../leaves/recent-map.js'
import type { TokenOrigin } from '../../record/origin.js'
import { EnteredReads, type TokenRead } from './entered-reads.js'

/** Where a record with a refresh token stands. */
export interface Place {
  readonly userId: string
  readonly url: string
  readonly resourceUrl: string
}

/** A place where a refresh token was read. */
export interface TokenPlace extends Place {
  /** Of the pair that was read there. */
  readonly origin: TokenOrigin
}

type Read = TokenPlace & TokenRead

/** Of one generation; two are kept. */
const MAX_ENTRIES = 50_000
const MAX_BYTES = 16 * 2 ** 20
/** One token may stand in several records. More than that are a fault of somebody's. */
const MAX_PLACES = 32
/** A longer token is known by its hash. */
const MAX_KEY = 128
/** After this time a generation is replaced by what is added next, however full it is. A client reads its token before it refreshes. */
const GENERATION_MS = 43_200_000

/** A place of a token, and the one before it. A list of these and no array: what each read follows is then in fewer places of memory. */
class KnownPlace implements TokenPlace {
  readonly userId: string
  readonly url: string
  readonly resourceUrl: string
  readonly origin: TokenOrigin
  before: KnownPlace | undefined

  constructor(place: TokenPlace, before: KnownPlace | undefined) {
    this.userId = place.userId
    this.url = place.url
    // Often the same text, and then one string less for each read to look at.
    this.resourceUrl = place.resourceUrl === place.url ? place.url : place.resourceUrl
    this.origin = place.origin
    this.before = before
  }
}

/** So many reads wait to be entered. With 256, what is kept made V8 enlarge its young generation. */
const MAX_WAITING = 64
/** Characters. What is longer waits for nothing. */
const MAX_WAITING_LENGTH = 8192

/**
 * What this process knows of the refresh tokens that it read: a token request names only the token, and the records
 * to renew must be found by it. In memory, in bounded bytes, the oldest forgotten first.
 *
 * Only a coordinated `fetch` asks. To enter a read among thousands takes a tenth of its CPU where few calls are under way. So reads are
 * entered many at once, and only once there is such a `fetch`: before, the last ones wait.
 *
 * Two generations and no `RecentMap`: who remembers the same token at every read sees by the `generation` that it need not.
 */
export class TokenPlaces {
  /** A ring before there is a coordinated `fetch`, then what is entered next. */
  readonly #waiting: Read[] = []
  #reads = 0
  #entered: EnteredReads | undefined
  /** The last place of each token. */
  #recent = new Map<string, KnownPlace>()
  #older = new Map<string, KnownPlace>()
  #bytes = 0
  #since = performance.now()

  /** What was remembered under this very object is found for at least as long as it is the one. */
  get generation(): object {
    this.#settle()
    return this.#recent
  }

  /** To be called when a coordinated `fetch` is made, which may ask for any token that is read from then on. */
  follow(): void {
    if (this.#entered !== undefined) return
    this.#entered = new EnteredReads()
    // Who remembered something under this generation has to do it anew.
    this.#turn()
    const oldest = this.#reads % MAX_WAITING
    this.#waiting.push(...this.#waiting.splice(0, oldest))
    this.#reads = this.#waiting.length
    this.#settle()
  }

  /** To be called with every record that a read returned. */
  remember(userId: string, url: string, token: AccessToken, origin: TokenOrigin): void {
    const { refreshToken } = token
    if (!refreshToken) return
    // A record may come from elsewhere, and lack it.
    const read = { refreshToken, userId, url, resourceUrl: token.resourceUrl ?? '', origin }
    if (lengthOf(read) > MAX_WAITING_LENGTH) {
      this.#enter(read)
      return
    }
    this.#waiting[this.#reads % MAX_WAITING] = read
    this.#reads += 1
    if (this.#entered && this.#reads === MAX_WAITING) this.#settle()
  }

  /** Enters what waits, and only then looks how old the generation is: what was read in it is found in the next. */
  #settle(): void {
    if (this.#entered !== undefined) {
      for (let at = 0; at < this.#reads; at += 1) {
        const read = this.#waiting[at] as Read
        if (this.#entered.add(read)) this.#enter(read)
      }
      this.#reads = 0
    }
    if (performance.now() - this.#since >= GENERATION_MS) this.#turn()
  }

  #enter(read: Read): void {
    const { refreshToken, userId, url, resourceUrl, origin } = read
    const key = keyOf(refreshToken)
    const last = this.#recent.get(key)
    for (let place = last; place !== undefined; place = place.before) {
      if (place.url !== url || place.userId !== userId) continue
      if (place.resourceUrl === resourceUrl && isSameOrigin(place.origin, origin)) return
      break
    }
    this.#add(key, last ?? this.#older.get(key), read)
  }

  #add(key: string, last: KnownPlace | undefined, read: Read): void {
    const { refreshToken, userId, url, resourceUrl, origin } = read
    const others = listOf(last).filter((other) => other.userId !== userId || other.url !== url)
    // One of them is forgotten, and has to be entered when it is read again.
    if (others.length >= MAX_PLACES) this.#entered?.forget(refreshToken)
    let before: KnownPlace | undefined
    for (const other of others.slice(-MAX_PLACES + 1)) before = new KnownPlace(other, before)
    this.#recent.set(key, new KnownPlace(read, before))
    const { issuer, endpoint, line } = origin
    this.#bytes += weightOf(key, userId, url, resourceUrl, issuer, endpoint, line)
    if (this.#recent.size >= MAX_ENTRIES || this.#bytes >= MAX_BYTES) this.#turn()
  }

  #turn(): void {
    this.#older = this.#recent
    this.#recent = new Map()
    this.#bytes = 0
    this.#since = performance.now()
    this.#entered?.clear()
  }

  /** Where the token was read; the last place that is known comes last. */
  find(refreshToken: string): readonly TokenPlace[] {
    this.#settle()
    const key = keyOf(refreshToken)
    return listOf(this.#recent.get(key) ?? this.#older.get(key))
  }
}

/** From the first place to the last. */
function listOf(last: KnownPlace | undefined): TokenPlace[] {
  const places: TokenPlace[] = []
  for (let place = last; place !== undefined; place = place.before) {
    const { userId, url, resourceUrl, origin } = place
    places.push({ userId, url, resourceUrl, origin })
  }
  return places.reverse()
}

/** A refresh token that stays in force keeps its place, and its issuer may become known. */
function isSameOrigin(one: TokenOrigin, other: TokenOrigin): boolean {
  return one.issuer === other.issuer && one.endpoint === other.endpoint && one.line === other.line
}

function lengthOf({ refreshToken, userId, url, resourceUrl, origin }: Read): number {
  const { issuer = '', endpoint = '', line = '' } = origin
  const names = userId.length + url.length + resourceUrl.length
  return refreshToken.length + names + issuer.length + endpoint.length + line.length
}

function keyOf(refreshToken: string): string {
  if (refreshToken.length <= MAX_KEY) return refreshToken
  return createHash('sha256').update(refreshToken).digest('base64url')
}
