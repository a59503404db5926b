import type { ConnectionOptions } from 'node:tls'

export interface Address {
  readonly host: string
  readonly port: number
}

/** What a connection URL may say. */
export interface UrlParts {
  readonly kind: 'server' | 'sentinel' | 'cluster'
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly path?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly db?: number | undefined
  readonly tls?: ConnectionOptions | undefined
  /** Sentinels, or nodes of a Cluster. */
  readonly nodes?: readonly Address[] | undefined
  /** Sentinel's name of the master. */
  readonly masterName?: string | undefined
}

// The URL parser knows no userinfo before an empty host, so a Unix socket's URL is read as one with this host.
const UNIX = /^unix:\/\/([^/@]*@)?(?=(\/[^?#]*))/i

// Sentinel and Cluster have several hosts, which the URL parser does not know: it sees the first, and the rest apart.
const GROUP = /^redis(s?)-(sentinel|cluster):\/\/([^/?#]*@)?([^/?#@]*)/i

/**
 * What a URL says; what it lacks is undefined.
 * @throws TypeError that calls the URL `name` and never quotes it, since it may hold a password
 */
export function parseUrl(url: string, name: string): UrlParts {
  const [unix, , socketPath = ''] = UNIX.exec(url) ?? []
  const isUnix = unix !== undefined
  const [group, s = '', kind, userinfo = '', hosts = ''] = GROUP.exec(url) ?? []
  const [first = '', ...others] = hosts.split(',')
  const plain = isUnix
    ? url.replace(UNIX, 'redis://$1unix')
    : url.replace(GROUP, `redis${s}://${userinfo.replace(/\$/g, '$$$$')}${first}`)
  const parsed = tryParse(plain)
  const isWhole = isUnix || /^rediss?:/i.test(url) || (group !== undefined && first !== '')
  if (parsed === null || !isWhole) {
    throw new TypeError(
      `${name} is not a Redis URL; it takes redis://[[username]:password@]host[:port][/db], with rediss:// for TLS, ` +
        'unix:///path/to/socket, redis-sentinel://host:port,host:port/0?name=mymaster or ' +
        'redis-cluster://host:port,host:port. Percent-encode @ : / # ? % in username and password',
    )
  }
  if (parsed.hash !== '') {
    throw new TypeError(`${name} must have no #: percent-encode it in username and password (%23)`)
  }
  const common = {
    username: decode(parsed.username, name) || undefined,
    password: decode(parsed.password, name) || undefined,
    db: databaseOf(parsed, isUnix, name),
  }
  // Not the parsed path, in which `.` and `..` are resolved.
  if (isUnix) return { ...common, kind: 'server', path: decode(socketPath, name) }
  const tls = parsed.protocol === 'rediss:' ? {} : undefined
  const address = addressOf(parsed, name)
  if (kind === undefined) return { ...common, ...address, tls, kind: 'server' }
  const nodes = [
    address,
    ...others.map((host) => addressOf(tryParse(`redis://${host}`), name)),
  ].map(({ host, port }) => {
    if (host === undefined) throw new TypeError(`${name} must name hosts as host:port,host:port`)
    return { host, port: port ?? (kind === 'sentinel' ? 26_379 : 6_379) }
  })
  const masterName = parsed.searchParams.get('name') ?? undefined
  return { ...common, tls, nodes, masterName, kind: kind as 'sentinel' | 'cluster' }
}

function addressOf(
  url: URL | null,
  name: string,
): { host: string | undefined; port: number | undefined } {
  // The parser itself refuses more than 65535.
  if (url?.port === '0') throw new TypeError(`${name} must have ports from 1 to 65535`)
  return {
    host: url?.hostname.replace(/^\[|\]$/g, '') || undefined,
    port: url === null || url.port === '' ? undefined : Number(url.port),
  }
}

function tryParse(url: string): URL | null {
  try {
    return new URL(url)
  } catch {
    return null
  }
}

// The path of redis://host/2, or ?db=2 (the form registered with IANA has both).
function databaseOf(url: URL, isUnix: boolean, name: string): number | undefined {
  const seen = new Set<string>()
  for (const [parameter, value] of url.searchParams) {
    const isKnown = parameter === 'db' || parameter === 'name'
    if (!isKnown || value === '' || seen.has(parameter)) {
      // Not said which: behind a ? that was not encoded stands the rest of a password.
      throw new TypeError(
        `${name} has a parameter that it does not take: it takes only db, and name for Sentinel, each once and not empty. ` +
          'Percent-encode a ? in username and password (%3F)',
      )
    }
    seen.add(parameter)
  }
  const inPath = isUnix ? '' : url.pathname.replace(/^\//, '')
  const inQuery = url.searchParams.get('db') ?? ''
  const db = inPath || inQuery
  if (db === '') return undefined
  if (!/^\d{1,9}$/.test(db) || (inPath && inQuery && inPath !== inQuery)) {
    throw new TypeError(
      `${name} must have one whole number as its database, as in redis://localhost:6379/0`,
    )
  }
  return Number(db)
}

function decode(part: string, name: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new TypeError(`${name} has a % that begins no percent-encoding; write %25 for %`)
  }
}
