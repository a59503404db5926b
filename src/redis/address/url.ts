import type { ConnectionOptions } from 'node:tls'
import { parametersOf, type UrlParameters } from './url-parameters.js'
import { notAUrl } from './url-slips.js'

export interface Address {
  readonly host: string
  readonly port: number
}

/** A node whose port the URL may have left out. */
export interface UrlNode {
  readonly host: string
  readonly port: number | undefined
}

/** What a connection URL may say. */
export interface UrlParts extends Omit<UrlParameters, 'db'> {
  readonly kind: 'server' | 'sentinel' | 'cluster'
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly path?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly db?: number | undefined
  readonly tls?: ConnectionOptions | undefined
  /** Sentinels, or nodes of a Cluster. */
  readonly nodes?: readonly UrlNode[] | undefined
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
  const isServer = /^rediss?:\/\//i.test(url) && !parsed?.hostname.includes(',')
  if (parsed === null || !(isUnix || isServer || (group !== undefined && first !== ''))) {
    throw notAUrl(url, name)
  }
  refuseSecondLogin(userinfo, name)
  if (parsed.hash !== '') {
    throw new TypeError(`${name} must have no #: percent-encode it in username and password (%23)`)
  }
  const { db, ...parameters } = parametersOf(parsed, kind?.toLowerCase() === 'sentinel', name)
  const common = {
    ...parameters,
    username: decode(parsed.username, name) || undefined,
    password: decode(parsed.password, name) || undefined,
    db: databaseOf(isUnix ? '' : parsed.pathname.replace(/^\//, ''), db, name),
  }
  // Not the parsed path, in which `.` and `..` are resolved.
  if (isUnix) return { ...common, kind: 'server', path: decode(socketPath, name) }
  const tls = parsed.protocol === 'rediss:' ? {} : undefined
  const address = addressOf(parsed, name)
  if (kind === undefined) return { ...common, ...address, tls, kind: 'server' }
  const nodes = nodesOf(
    [address, ...others.map((host) => addressOf(tryParse(`redis://${host}`), name))],
    name,
  )
  return { ...common, tls, nodes, kind: kind.toLowerCase() as 'sentinel' | 'cluster' }
}

type MaybeAddress = { host: string | undefined; port: number | undefined }

function nodesOf(addresses: readonly MaybeAddress[], name: string): UrlNode[] {
  return addresses.map(({ host, port }) => {
    if (host === undefined) throw new TypeError(`${name} must name hosts as host:port,host:port`)
    return { host, port }
  })
}

function refuseSecondLogin(userinfo: string, name: string): void {
  if (!/[@,]/.test(userinfo.slice(0, -1))) return
  throw new TypeError(
    `${name} must have username and password once, before the first host: they are for all hosts. ` +
      'Percent-encode @ and , in them (%40, %2C)',
  )
}

function addressOf(url: URL | null, name: string): MaybeAddress {
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
function databaseOf(inPath: string, inQuery = '', name: string): number | undefined {
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
