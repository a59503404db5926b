import { describe, it } from 'vitest'
import { type ConformanceOptions, oauthDbConformance } from '../../../src/conformance.js'
import type { OAuthDb } from '../../../src/leaves/contract.js'

const CASE_TIMEOUT_MS = 15_000

/** One test for each case, all at once, and at once with those of the suites beside it. */
export function describeConformance(
  title: string,
  createDatabase: () => OAuthDb | Promise<OAuthDb>,
  options?: ConformanceOptions,
): void {
  describe.concurrent(title, () => {
    for (const { name, run } of oauthDbConformance(createDatabase, options)) {
      it(name, run, CASE_TIMEOUT_MS)
    }
  })
}
