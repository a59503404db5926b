import { nearest } from './spelling.js'

/** Throws a `TypeError` that begins with `name` and says what it takes. No value that may be a secret stands in it. */
export type Check = (value: unknown, name: string) => void

interface Secrecy {
  readonly isSecret?: boolean
}

export type Checks = Readonly<Record<string, Check>>

/** The checks of an object: the compiler sees that none is missing. */
export type ChecksOf<T> = { readonly [K in keyof Required<T>]: Check }

/** Of one value; `isSecret` keeps even a number out of the message. */
export function value(
  takes: string,
  accepts: (value: unknown) => boolean,
  { isSecret = false }: Secrecy = {},
): Check {
  return (given, name) => {
    if (!accepts(given)) throw refusal(name, takes, given, isSecret)
  }
}

export function text(takes: string, accepts: (value: string) => boolean = () => true): Check {
  return value(takes, (given) => typeof given === 'string' && accepts(given))
}

/** Text that may be a secret, or hold one. */
export function secretText(takes: string, accepts: (value: string) => boolean = () => true): Check {
  const isText = (given: unknown): boolean => typeof given === 'string' && accepts(given)
  return value(takes, isText, { isSecret: true })
}

export function integer(min: number, max: number, unit = ''): Check {
  return value(
    `an integer from ${min} to ${max}${unit}`,
    (given) => Number.isInteger(given) && (given as number) >= min && (given as number) <= max,
  )
}

export const flag: Check = value('true or false', (given) => typeof given === 'boolean')

export const callback: Check = value('a function', (given) => typeof given === 'function')

/** Not by its class, which another realm has as well. */
export const abortSignal: Check = value(
  'an AbortSignal',
  (given) => typeof Object(given).aborted === 'boolean',
)

/** Of an object with no other members than these. A member that is undefined counts as left out. */
export function members(takes: string, checks: Checks, { isSecret = false }: Secrecy = {}): Check {
  return (given, name) => {
    if (!isRecord(given)) throw refusal(name, takes, given, isSecret)
    for (const [member, one] of Object.entries(given)) {
      const check = ownCheck(checks, member)
      if (check === undefined) throw unknownMember(name, member, Object.keys(checks))
      if (one !== undefined) check(one, `${name}.${member}`)
    }
  }
}

/** Of an object that must have each of these members, but for those that are {@link optional}. */
export function wholeMembers(takes: string, checks: Checks, options: Secrecy = {}): Check {
  const check = members(takes, checks, options)
  return (given, name) => {
    check(given, name)
    for (const [member, one] of Object.entries(checks)) {
      one((given as Readonly<Record<string, unknown>>)[member], `${name}.${member}`)
    }
  }
}

export function optional(check: Check): Check {
  return (given, name) => {
    if (given !== undefined) check(given, name)
  }
}

export function list(takes: string, check: Check): Check {
  return (given, name) => {
    if (!Array.isArray(given)) throw refusal(name, takes, given, false)
    given.forEach((one, index) => {
      check(one, `${name}[${index}]`)
    })
  }
}

export function ownCheck(checks: Checks, name: string): Check | undefined {
  return Object.keys(checks).includes(name) ? checks[name] : undefined
}

export function isObject(given: unknown): given is object {
  return typeof given === 'object' && given !== null
}

export function isRecord(given: unknown): given is Readonly<Record<string, unknown>> {
  return isObject(given) && !Array.isArray(given)
}

function unknownMember(name: string, member: string, known: readonly string[]): TypeError {
  return new TypeError(
    `${name}.${shownName(member)} is not an option${didYouMean(member, known)}; ${name} takes ${known.join(', ')}`,
  )
}

export function didYouMean(name: string, known: readonly string[]): string {
  const meant = nearest(name, known)
  return meant === undefined ? '' : ` (did you mean ${meant}?)`
}

/** A name that is no word may be what should have been a value, password and all. */
export function shownName(name: string): string {
  return /^[A-Za-z_$][\w$]{0,40}$/.test(name) ? name : '(a name that is no word)'
}

function refusal(name: string, takes: string, given: unknown, isSecret: boolean): TypeError {
  return new TypeError(`${name} must be ${takes}, not ${described(given, isSecret)}`)
}

// Of text only a small number is shown, as "6379": any other may be a URL or a password that went to the wrong option.
function described(given: unknown, isSecret: boolean): string {
  if (given === null || given === undefined) return String(given)
  if (given === '') return 'an empty string'
  if (Array.isArray(given)) return 'a list'
  if (!isSecret) {
    if (typeof given === 'number' || typeof given === 'boolean') return String(given)
    if (typeof given === 'string' && /^\d{1,5}$/.test(given)) return JSON.stringify(given)
  }
  return `a value of type ${typeof given}`
}
