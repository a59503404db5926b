import { randomUUID } from 'node:crypto'
import { ACCESS_TOKEN_RULES } from './conformance/access-tokens.js'
import { CLIENT_REGISTRATION_RULES } from './conformance/client-registrations.js'
import { CONCURRENCY_RULES } from './conformance/concurrency.js'
import { HANDLE_RULES } from './conformance/handles.js'
import { ISOLATION_RULES } from './conformance/isolation.js'
import { PKCE_RULES } from './conformance/pkce-values.js'
import type { Rule } from './conformance/rule.js'
import type { OAuthDb } from './leaves/contract.js'
import { setCause } from './leaves/errors.js'

export type { AccessToken, ClientCredentials, OAuthDb, PKCEValues } from './leaves/contract.js'

/** A new handle on the store under test. The suite closes it. */
export type CreateDatabase = () => OAuthDb | Promise<OAuthDb>

export interface ConformanceOptions {
  /**
   * Names of the cases that the database is known not to pass. Such a case passes as long as the database deviates, and
   * fails once it no longer does, so that the list stays true.
   * @defaultValue `[]`
   * @example
   * ```ts compile-only
   * import { test } from 'node:test'
   * import { oauthDbConformance } from '@atxp/redis/conformance'
   *
   * const except = ['returns PKCE values as they were saved, unknown members included']
   * for (const { name, run } of oauthDbConformance(() => RedisOAuthDatabase.fromEnv(), { except })) {
   *   test(name, run)
   * }
   * ```
   */
  except?: readonly string[] | undefined
}

/** One test, for any runner. */
export interface ConformanceCase {
  /** What holds, for the title of a test; behind `known deviation: ` where `except` names the case. */
  readonly name: string
  /** The specification that demands it, or what the ATXP SDK does that relies on it. */
  readonly source: string
  /** Rejects with an `Error` that says what was expected and what came, and why it matters. */
  run(): Promise<void>
}

const RULES: readonly Rule[] = [
  ...CLIENT_REGISTRATION_RULES,
  ...PKCE_RULES,
  ...ACCESS_TOKEN_RULES,
  ...CONCURRENCY_RULES,
  ...ISOLATION_RULES,
  ...HANDLE_RULES,
]

/**
 * What any `OAuthDb` has to do for the ATXP SDK and for a fleet of processes, as cases for any test runner. They may run in
 * any order and at once. Each makes its own handles, and its records have names of their own; client registrations stay
 * in the store for ever, so run them against one that is for tests.
 * @param createDatabase - makes another handle on the same store each time, as another process would
 * @throws TypeError when `options.except` has a name that no case has
 * @example
 * ```ts compile-only
 * import { test } from 'node:test'
 * import { oauthDbConformance } from '@atxp/redis/conformance'
 *
 * for (const { name, run } of oauthDbConformance(() => RedisOAuthDatabase.fromEnv())) {
 *   test(name, run)
 * }
 * ```
 */
export function oauthDbConformance(
  createDatabase: CreateDatabase,
  { except = [] }: ConformanceOptions = {},
): ConformanceCase[] {
  if (typeof createDatabase !== 'function') {
    throw new TypeError('createDatabase must be a function that returns an OAuthDb')
  }
  for (const name of except) {
    if (!RULES.some((rule) => rule.name === name)) {
      throw new TypeError(`options.except names ${JSON.stringify(name)}, and no case is called so`)
    }
  }
  return RULES.map((rule) =>
    except.includes(rule.name)
      ? {
          name: `known deviation: ${rule.name}`,
          source: rule.source,
          run: () => expectDeviation(rule, createDatabase),
        }
      : {
          name: rule.name,
          source: rule.source,
          run: async () => {
            const violation = await violationOf(rule, createDatabase)
            if (violation !== undefined) throw violation
          },
        },
  )
}

async function expectDeviation(rule: Rule, createDatabase: CreateDatabase): Promise<void> {
  if ((await violationOf(rule, createDatabase)) !== undefined) return
  throw new Error('The database does what this case asks for. Take its name out of options.except')
}

/** How a database breaks a rule. Rejects where there is none to check, which is no deviation. */
async function violationOf(rule: Rule, createDatabase: CreateDatabase): Promise<Error | undefined> {
  const handles: OAuthDb[] = []
  let cannotOpen: unknown
  const open = async (): Promise<OAuthDb> => {
    try {
      const handle = await createDatabase()
      handles.push(handle)
      return handle
    } catch (error) {
      cannotOpen = error ?? new Error('createDatabase failed')
      throw error
    }
  }
  try {
    await rule.check(await open(), { id: `conformance-${randomUUID()}`, open })
    return undefined
  } catch (error) {
    if (cannotOpen !== undefined) throw cannotOpen
    const reason = error instanceof Error ? error.message : String(error)
    return setCause(new Error(`${reason}. Why it matters: ${rule.source}`), error)
  } finally {
    // How handles close is for a case of its own to judge.
    await Promise.allSettled(handles.map(async (handle) => handle.close()))
  }
}
