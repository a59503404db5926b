import type { PlaceOptions } from './place-options.js'
import { parseUrl, type UrlParts } from './url.js'

type NameOf = (option: string) => string

/** Whether anything stands in a group of options. */
export function isGiven(group: object | undefined): boolean {
  return group !== undefined && Object.values(group).some((member) => member !== undefined)
}

/**
 * Refuses what says twice where Redis is or who asks, so that one of the two would mean nothing. Host, port, username, password
 * and db may stand beside a URL: its parts win over them, and what it lacks they fill.
 * @throws TypeError that names both
 */
export function refuseContradictions(
  options: PlaceOptions,
  fromUrl: Partial<UrlParts>,
  nameOf: NameOf,
): void {
  const [first, second] =
    options.url === undefined ? placesOf(options) : besideUrl(options, fromUrl)
  if (first !== undefined && second !== undefined) {
    throw new TypeError(
      `${nameOf(first)} and ${nameOf(second)} both say where Redis is: leave one of them out`,
    )
  }
  const login = loginOf(options, fromUrl)
  if (options.credentials !== undefined && login !== undefined) {
    throw new TypeError(
      `${nameOf('credentials')} and ${nameOf(login)} both say who logs in: leave one of them out`,
    )
  }
}

/**
 * Refuses options that are to win over a URL, which has something else in their place.
 * @throws TypeError that names both
 */
export function refuseOverruled(url = '', options: PlaceOptions, nameOf: NameOf): void {
  const parts = parseUrl(url, nameOf('url'))
  for (const name of ['port', 'username', 'password', 'db'] as const) {
    const [inUrl, beside] = [parts[name], options[name]]
    if (inUrl !== undefined && beside !== undefined && inUrl !== beside) {
      throw new TypeError(
        `${nameOf(name)} and ${nameOf('url')} say different things: leave one of them out`,
      )
    }
  }
}

/** What of the options is a place by itself. */
function placesOf({ host, port, path, sentinel, cluster }: PlaceOptions): string[] {
  const places: [string, boolean][] = [
    [host === undefined ? 'port' : 'host', host !== undefined || port !== undefined],
    ['path', path !== undefined],
    ['sentinel', isGiven(sentinel)],
    ['cluster', isGiven(cluster)],
  ]
  return places.filter(([, isPlace]) => isPlace).map(([name]) => name)
}

/** The URL, and what means nothing beside one of its kind. */
function besideUrl(
  { path, sentinel, cluster }: PlaceOptions,
  { kind, masterName }: Partial<UrlParts>,
): string[] {
  const idle: [string, boolean][] = [
    ['path', path !== undefined],
    ['sentinel', kind !== 'sentinel' && isGiven(sentinel)],
    ['sentinel.nodes', sentinel?.nodes !== undefined],
    ['sentinel.name', sentinel?.name !== undefined && masterName !== undefined],
    ['cluster', kind !== 'cluster' && isGiven(cluster)],
    ['cluster.nodes', cluster?.nodes !== undefined],
  ]
  return ['url', ...idle.filter(([, isIdle]) => isIdle).map(([name]) => name)]
}

function loginOf(
  { username, password }: PlaceOptions,
  fromUrl: Partial<UrlParts>,
): string | undefined {
  if (fromUrl.username !== undefined || fromUrl.password !== undefined) return 'url'
  if (password !== undefined) return 'password'
  return username === undefined ? undefined : 'username'
}
