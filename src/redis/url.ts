import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'

/** One server to connect to, and who asks. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  /** Unix socket; stands before host and port. */
  readonly path?: string
  readonly username?: string
  readonly password?: string
  readonly db: number
  readonly tls?: ConnectionOptions
}

/** What a URL may lack, given by options of the same name. */
interface Parts {
  readonly url?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly path?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly db?: number | undefined
  readonly tls?: ConnectionOptions | undefined
}

type Fallback = { readonly host: string; readonly port: number; readonly db: number }

/**
 * The parts of `url` win; what it lacks comes from the other options, then from `fallback`. That makes the `.env` of
 * the reference work: a URL without a password beside `REDIS_PASSWORD` and `REDIS_DB`.
 * @throws TypeError that calls the URL `urlName` and never quotes it, since it may hold a password
 */
export function resolveEndpoint(
  parts: Parts,
  fallback: Fallback,
  urlName = 'options.url',
): Endpoint {
  const fromUrl = parts.url === undefined ? {} : parseUrl(parts.url, urlName)
  const merged: Parts = { ...withoutUndefined(parts), ...withoutUndefined(fromUrl) }
  const host = merged.host ?? fallback.host
  // A URL that names a host speaks of TCP, whatever `path` says.
  const path = fromUrl.host === undefined ? merged.path : undefined
  const tls = merged.tls && withServerName({ ...fromUrl.tls, ...parts.tls }, host)
  return {
    host,
    port: merged.port ?? fallback.port,
    db: merged.db ?? fallback.db,
    ...withoutUndefined({ path, username: merged.username, password: merged.password, tls }),
  }
}

/** `host:port`, or the path of the Unix socket: how messages name the server. */
export function nameOfEndpoint(endpoint: Pick<Endpoint, 'host' | 'port' | 'path'>): string {
  if (endpoint.path !== undefined) return endpoint.path
  return endpoint.host.includes(':')
    ? `[${endpoint.host}]:${endpoint.port}`
    : `${endpoint.host}:${endpoint.port}`
}

// The URL parser knows no userinfo before an empty host, so a Unix socket's URL is read as one with this host.
const UNIX = /^unix:\/\/([^/@]*@)?(?=\/)/i

function parseUrl(url: string, name: string): Parts {
  const isUnix = UNIX.test(url)
  const parsed = tryParse(isUnix ? url.replace(UNIX, 'redis://$1unix') : url)
  if (parsed === null || (/^unix:/i.test(url) && !isUnix)) {
    throw new TypeError(
      `${name} is not a Redis URL; it takes redis://[[username]:password@]host[:port][/db], with rediss:// for TLS, ` +
        'or unix:///path/to/socket. Percent-encode @ : / # ? % in username and password',
    )
  }
  if (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:') {
    throw new TypeError(`${name} must begin with redis://, rediss:// or unix://`)
  }
  if (parsed.hash !== '') {
    throw new TypeError(`${name} must have no #: percent-encode it in username and password (%23)`)
  }
  const common = {
    username: decode(parsed.username, name) || undefined,
    password: decode(parsed.password, name) || undefined,
    db: databaseOf(parsed, isUnix, name),
  }
  if (isUnix) return { ...common, path: decode(parsed.pathname, name) }
  return {
    ...common,
    host: parsed.hostname.replace(/^\[|\]$/g, '') || undefined,
    port: parsed.port === '' ? undefined : Number(parsed.port),
    tls: parsed.protocol === 'rediss:' ? {} : undefined,
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
  for (const parameter of url.searchParams.keys()) {
    if (parameter !== 'db') {
      // Not said which: behind a ? that was not encoded stands the rest of a password.
      throw new TypeError(
        `${name} has a parameter that it does not take: it takes only db. Percent-encode a ? in username and password ` +
          '(%3F)',
      )
    }
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

// Node verifies the certificate against `host`, but sends SNI only for `servername`; hosted services route by SNI.
function withServerName(tls: ConnectionOptions, host: string): ConnectionOptions {
  return isIP(host) === 0 && tls.servername === undefined ? { ...tls, servername: host } : tls
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function withoutUndefined<T extends object>(parts: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(parts).filter(([, value]) => value !== undefined),
  ) as Defined<T>
}
