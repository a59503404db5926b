const FORMS =
  'redis://[[username]:password@]host[:port][/db], rediss:// for TLS, unix:///path/to/socket, ' +
  'redis-sentinel:// or redis-cluster://'

const ENCODE = 'Percent-encode @ : / # ? % in a password'

/** What was probably meant by text that is no Redis URL. Nothing of it is quoted: it may hold a password. */
const SLIPS: readonly (readonly [RegExp, string])[] = [
  [
    /^https?:/i,
    'it is the address of a web page or a REST API. Redis has one of its own, redis:// or rediss://',
  ],
  [/^valkeys?:/i, 'write redis:// for valkey://, and rediss:// for valkeys://'],
  [/^redis\+(sentinel|cluster):/i, 'write - for the + in its scheme'],
  [
    /^(redis|rediss|redis-sentinel|redis-cluster):(?!\/\/)/i,
    'write // behind the colon of its scheme',
  ],
  [/^unix:/i, 'write the path behind unix://, as in unix:///run/redis.sock'],
  [
    /^rediss?:\/\/([^/?#]*@)?[^/?#@]*,/i,
    'several hosts are a redis-cluster:// or a redis-sentinel://',
  ],
  [/^[\w.-]+(:\d+)?(\/\d*)?$/, 'write redis:// before the host, or give it as host and port'],
  [/^["']/, 'it begins with a quotation mark'],
  [/^\s/, 'it begins with white space'],
]

/** @param name - how the message calls the URL */
export function notAUrl(url: string, name: string): TypeError {
  const meant = SLIPS.find(([slip]) => slip.test(url))?.[1]
  return new TypeError(
    `${name} is not a Redis URL${meant === undefined ? '' : `: ${meant}`}; it takes ${FORMS}. ${ENCODE}`,
  )
}
