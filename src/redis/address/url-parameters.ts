/** What stands behind the `?` of a URL. */
export interface UrlParameters {
  readonly db?: string
  /** Sentinel's name of the master. */
  readonly masterName?: string
  /** IP version of the connections; 0: either. */
  readonly family?: 0 | 4 | 6
  /** Whether certificates are verified: `ssl_cert_reqs` of redis-py. */
  readonly verifies?: boolean
  /** A file of certificates: `ssl_ca_certs` of redis-py. */
  readonly caFile?: string
  /** Parameters that other clients read, and that say nothing here. */
  readonly ignored?: readonly string[]
}

const CERTIFICATES: Readonly<Record<string, boolean>> = {
  none: false,
  optional: true,
  required: true,
}

const FAMILIES: readonly string[] = ['0', '4', '6']

/** Parameters that are known, each with what it says. Hosts put those of other clients into their URLs. */
const READERS: Readonly<
  Record<string, (value: string, isSentinel: boolean) => UrlParameters | undefined>
> = {
  db: (db) => ({ db }),
  name: (masterName, isSentinel) => (isSentinel ? { masterName } : { ignored: ['name'] }),
  family: (value) =>
    FAMILIES.includes(value) ? { family: Number(value) as 0 | 4 | 6 } : undefined,
  ssl_cert_reqs: (value) => {
    const verifies = CERTIFICATES[value.toLowerCase().replace(/^cert_/, '')]
    return verifies === undefined ? undefined : { verifies }
  },
  ssl_ca_certs: (caFile) => ({ caFile }),
  // The version of Redis' protocol. This library speaks 2, and all that it needs is in both.
  protocol: (value) => (value === '2' ? {} : { ignored: ['protocol'] }),
  client_name: () => ({ ignored: ['client_name'] }),
}

const TAKES: Readonly<Record<string, string>> = {
  family: '0, 4 or 6',
  ssl_cert_reqs: 'none, optional or required',
}

/** @throws TypeError that calls the URL `name` and quotes no value: behind a ? that was not encoded stands the rest of a password */
export function parametersOf(
  { searchParams }: URL,
  isSentinel: boolean,
  name: string,
): UrlParameters {
  const seen = new Set<string>()
  let parameters: UrlParameters = {}
  for (const [parameter, value] of searchParams) {
    const read = Object.keys(READERS).includes(parameter) ? READERS[parameter] : undefined
    if (read === undefined || value === '' || seen.has(parameter) || value.includes('@')) {
      throw new TypeError(
        `${name} has a parameter that it does not take: it takes only db, name for Sentinel, family, ssl_cert_reqs and ssl_ca_certs, ` +
          'each once and not empty. Percent-encode a ? in username and password (%3F)',
      )
    }
    seen.add(parameter)
    const said = read(value, isSentinel)
    if (said === undefined) {
      throw new TypeError(`${name} must have ${TAKES[parameter]} as its parameter ${parameter}`)
    }
    const ignored = [...(parameters.ignored ?? []), ...(said.ignored ?? [])]
    parameters = { ...parameters, ...said, ...(ignored.length > 0 && { ignored }) }
  }
  return parameters
}
