import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { type Address, parseUrl, type UrlParts } from './url.js'

/** Who asks, and how: the same for every node. */
interface Access {
  readonly username?: string
  readonly password?: string
  readonly db: number
  readonly tls?: ConnectionOptions
}

/** One server. A Unix socket stands before host and port. */
export interface ServerTopology extends Access, Address {
  readonly kind: 'server'
  readonly path?: string
}

/** A master whom Sentinels name. */
export interface SentinelTopology extends Access {
  readonly kind: 'sentinel'
  readonly name: string
  readonly nodes: readonly Address[]
  /** How the Sentinels themselves are asked. */
  readonly sentinel: { username?: string; password?: string; tls?: ConnectionOptions }
}

export interface ClusterTopology extends Access {
  readonly kind: 'cluster'
  readonly nodes: readonly Address[]
  readonly natMap?: Readonly<Record<string, Address>>
}

export type Topology = ServerTopology | SentinelTopology | ClusterTopology

export interface SentinelOptions {
  readonly name?: string | undefined
  readonly nodes?: readonly Address[] | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly tls?: ConnectionOptions | undefined
}

export interface ClusterOptions {
  readonly nodes?: readonly Address[] | undefined
  readonly natMap?: Readonly<Record<string, Address>> | undefined
}

/** Options that say where Redis is. */
interface Options extends Omit<UrlParts, 'kind' | 'nodes' | 'masterName'> {
  readonly url?: string | undefined
  readonly sentinel?: SentinelOptions | undefined
  readonly cluster?: ClusterOptions | undefined
}

/** How messages call an option. */
type NameOf = (option: string) => string

type Fallback = Address & { readonly db: number }

/**
 * The parts of `url` win; what it lacks comes from the other options, then from `fallback`. That makes the `.env` of
 * the reference work: a URL without a password beside `REDIS_PASSWORD` and `REDIS_DB`.
 * @throws TypeError that names the option that is wrong or missing
 */
export function resolveTopology(options: Options, fallback: Fallback, nameOf: NameOf): Topology {
  const { url, sentinel, cluster } = options
  const fromUrl: Partial<UrlParts> = url === undefined ? {} : parseUrl(url, nameOf('url'))
  const kind = fromUrl.kind ?? (sentinel ? 'sentinel' : cluster ? 'cluster' : 'server')
  const merged = { ...withoutUndefined(options), ...withoutUndefined(fromUrl) }
  const access: Access = {
    db: merged.db ?? fallback.db,
    ...withoutUndefined({ username: merged.username, password: merged.password }),
    ...(merged.tls && { tls: { ...fromUrl.tls, ...options.tls } }),
  }
  switch (kind) {
    case 'sentinel':
      return sentinelOf(options, fromUrl, access, nameOf)
    case 'cluster': {
      if (access.db !== 0)
        throw new TypeError(
          `${nameOf(fromUrl.db === undefined ? 'db' : 'url')} must have 0 as its database: a Cluster has no other`,
        )
      const nodes = some(fromUrl.nodes ?? cluster?.nodes, nameOf('cluster.nodes'))
      return { kind, ...access, nodes, ...withoutUndefined({ natMap: cluster?.natMap }) }
    }
    case 'server':
      return serverOf(merged, fromUrl, fallback, access)
  }
}

function sentinelOf(
  options: Options,
  fromUrl: Partial<UrlParts>,
  access: Access,
  nameOf: NameOf,
): SentinelTopology {
  const { name, nodes, ...own } = { ...options.sentinel, ...withoutUndefined(ofGroup(fromUrl)) }
  if (!name) {
    const option = nameOf(fromUrl.kind === undefined ? 'sentinel.name' : 'url')
    throw new TypeError(
      `${option} must say what the Sentinels call the master, in a URL as ?name=mymaster`,
    )
  }
  return {
    kind: 'sentinel',
    ...access,
    name,
    nodes: some(nodes, nameOf('sentinel.nodes')),
    sentinel: withoutUndefined(own),
  }
}

function serverOf(
  merged: Omit<Partial<UrlParts>, 'kind'>,
  fromUrl: Partial<UrlParts>,
  fallback: Fallback,
  access: Access,
): ServerTopology {
  const host = merged.host ?? fallback.host
  const port = merged.port ?? fallback.port
  // A URL that names a host speaks of TCP, whatever `path` says.
  const path = fromUrl.host === undefined ? merged.path : undefined
  const tls = access.tls && { tls: withServerName(access.tls, host) }
  return { kind: 'server', ...access, host, port, ...tls, ...withoutUndefined({ path }) }
}

/** How messages name the server: `host:port`, or what stands for it. */
export function nameOfTopology(topology: Topology): string {
  switch (topology.kind) {
    case 'server':
      return topology.path ?? nameOfAddress(topology)
    case 'sentinel':
      return `${topology.name} (by Sentinel ${topology.nodes.map(nameOfAddress).join(', ')})`
    case 'cluster':
      return topology.nodes.map(nameOfAddress).join(', ')
  }
}

export function nameOfAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function ofGroup({ masterName, nodes }: Partial<UrlParts>): {
  name: string | undefined
  nodes: readonly Address[] | undefined
} {
  return { name: masterName, nodes }
}

function some(nodes: readonly Address[] | undefined, name: string): readonly Address[] {
  if (nodes === undefined || nodes.length === 0) {
    throw new TypeError(`${name} must list at least one { host, port }`)
  }
  return nodes
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
