import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { isGiven, refuseContradictions } from './contradictions.js'
import type { PlaceOptions } from './place-options.js'
import { withServerName } from './server-name.js'
import { type Address, parseUrl, type UrlNode, type UrlParts } from './url.js'

/** Who asks, and how: the same for every node. */
interface Access {
  readonly username?: string
  readonly password?: string
  readonly db: number
  /** Of a Cluster and of Sentinel without the names of the nodes: who connects adds each one's own. */
  readonly tls?: ConnectionOptions
  /** IP version of the connections; 0: either. */
  readonly family?: 0 | 4 | 6
  /** Parameters of the URL that say nothing here. */
  readonly ignored?: readonly string[]
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

/** How messages call an option. */
type NameOf = (option: string) => string

type Fallback = Address & { readonly db: number }

const SENTINEL_PORT = 26_379

/**
 * The parts of `url` win; what it lacks comes from the other options, then from `fallback`. That makes the `.env` of
 * the reference work: a URL without a password beside `REDIS_PASSWORD` and `REDIS_DB`.
 * @throws TypeError that names the option that is wrong or missing, or both where one makes the other mean nothing
 */
export function resolveTopology(
  options: PlaceOptions,
  fallback: Fallback,
  nameOf: NameOf,
): Topology {
  const { url, cluster } = options
  const fromUrl: Partial<UrlParts> = url === undefined ? {} : parseUrl(url, nameOf('url'))
  refuseContradictions(options, fromUrl, nameOf)
  const merged = { ...withoutUndefined(options), ...withoutUndefined(fromUrl) }
  const access = accessOf(merged, options, fromUrl, fallback, nameOf)
  const port = options.port ?? fallback.port
  switch (fromUrl.kind ?? kindOf(options)) {
    case 'sentinel':
      return sentinelOf(options, fromUrl, access, nameOf)
    case 'cluster': {
      if (access.db !== 0)
        throw new TypeError(
          `${nameOf(fromUrl.db === undefined ? 'db' : 'url')} must have 0 as its database: a Cluster has no other`,
        )
      const nodes = some(withPorts(fromUrl.nodes, port) ?? cluster?.nodes, nameOf('cluster.nodes'))
      return { kind: 'cluster', ...access, nodes, ...withoutUndefined({ natMap: cluster?.natMap }) }
    }
    case 'server':
      return serverOf(merged, fromUrl, fallback, access)
  }
}

function kindOf({ sentinel, cluster }: PlaceOptions): Topology['kind'] {
  if (isGiven(sentinel)) return 'sentinel'
  if (isGiven(cluster)) return 'cluster'
  return sentinel !== undefined ? 'sentinel' : cluster !== undefined ? 'cluster' : 'server'
}

function accessOf(
  merged: Omit<Partial<UrlParts>, 'kind'>,
  { tls: own }: PlaceOptions,
  { tls: ofUrl, verifies, caFile, family, ignored = [] }: Partial<UrlParts>,
  fallback: Fallback,
  nameOf: NameOf,
): Access {
  const isTls = merged.tls !== undefined
  const unused = [
    ...ignored,
    ...(verifies !== undefined && (!isTls || own?.rejectUnauthorized !== undefined)
      ? ['ssl_cert_reqs']
      : []),
    ...(caFile !== undefined && (!isTls || own?.ca !== undefined) ? ['ssl_ca_certs'] : []),
  ]
  const tls = {
    ...ofUrl,
    ...(verifies === false && { rejectUnauthorized: false }),
    ...(isTls &&
      caFile !== undefined &&
      own?.ca === undefined && { ca: fileOf(caFile, nameOf('url')) }),
    ...withoutUndefined(own ?? {}),
  }
  return {
    db: merged.db ?? fallback.db,
    ...withoutUndefined({ username: merged.username, password: merged.password, family }),
    ...(isTls && { tls }),
    ...(unused.length > 0 && { ignored: unused }),
  }
}

function fileOf(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw new TypeError(
      `${name} names a file as ssl_ca_certs that cannot be read; give tls.ca, or leave it out`,
    )
  }
}

function sentinelOf(
  options: PlaceOptions,
  fromUrl: Partial<UrlParts>,
  access: Access,
  nameOf: NameOf,
): SentinelTopology {
  const { name = fromUrl.masterName, nodes, tls = access.tls, ...own } = options.sentinel ?? {}
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
    nodes: some(
      withPorts(fromUrl.nodes, options.port ?? SENTINEL_PORT) ?? nodes,
      nameOf('sentinel.nodes'),
    ),
    // Whoever forges what a Sentinel says is sent the password.
    sentinel: { ...withoutUndefined(own), ...(tls && { tls }) },
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

function withPorts(nodes: readonly UrlNode[] | undefined, port: number): Address[] | undefined {
  return nodes?.map((node) => ({ host: node.host, port: node.port ?? port }))
}

function some(nodes: readonly Address[] | undefined, name: string): readonly Address[] {
  if (nodes === undefined || nodes.length === 0) {
    throw new TypeError(`${name} must list at least one { host, port }`)
  }
  return nodes
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function withoutUndefined<T extends object>(parts: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(parts).filter(([, value]) => value !== undefined),
  ) as Defined<T>
}
