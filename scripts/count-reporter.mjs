import { writeSync } from 'node:fs'

const COUNTS_FD = 3

/** A vitest reporter that writes one line a test to file descriptor 3: `passed`, `failed` or `skipped`. */
export default class CountReporter {
  onTestCaseResult(testCase) {
    writeSync(COUNTS_FD, `${testCase.result().state}\n`)
  }
}
