/** None is promised ever, where a scenario does not say otherwise. */
const NEVER = { reuseDetections: 0, familiesRevoked: 0 }

/** What is thrown over a call that should have been answered: what was expected of it, or its own error. */
const OVER_A_CALL = new Set(['AssertionError', 'RedisOAuthDatabaseError'])

/** In a few words, why a run was not as promised; undefined if it was. The worst of several. */
export function causeOf({ expected, observed, violated, threw }) {
  if (violated.length === 0) return undefined
  const isOver = (name) => observed[name] > mostOf({ ...NEVER, ...expected }[name])
  if (isOver('reuseDetections') || isOver('familiesRevoked')) return 'spent token sent'
  if (isOver('authorizations')) return 'login too many'
  if (isOver('callsFailed')) return 'call failed'
  if (OVER_A_CALL.has(threw)) return observed.callsFailed === 0 ? 'other count' : 'call failed'
  if (threw !== undefined) return 'harness gave up'
  return violated.every((one) => /^\w+Ms: /.test(one)) ? 'too slow' : 'other count'
}

/** Undefined where nothing is expected: nothing is more than that. */
function mostOf(expectation) {
  return Array.isArray(expectation) ? expectation[1] : expectation
}
