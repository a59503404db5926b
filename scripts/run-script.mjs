// util.parseArgs is read when it is needed: an old Node has none, and is told so by words.
import util from 'node:util'
import { expectedError, runMain } from './cleanup.mjs'
import { print } from './terminal.mjs'

const MISUSE_CODE = 2

/** What a script was called with is wrong: it says so, shows its usage and ends with code 2. */
export function misuse(message) {
  return Object.assign(expectedError(message), { exitCode: MISUSE_CODE, isMisuse: true })
}

/**
 * Runs a script: reads its arguments by `util.parseArgs`, answers `--help` by its usage and misuse by words.
 * @param script.usage - what it does, and each option
 * @param script.options - as `util.parseArgs` takes them
 * @param script.allowPositionals - whether it takes more than options
 * @param script.main - gets the options and the other arguments
 */
export function runScript({ usage, options = {}, allowPositionals = false, main }) {
  return runMain(async () => {
    try {
      checkNodeVersion()
      const { values, positionals } = parse(options, allowPositionals)
      const { help, ...given } = values
      if (help) return print(usage)
      await main(given, positionals)
    } catch (error) {
      if (error.isMisuse) error.message += `\n\n${usage}`
      throw error
    }
  })
}

function parse(options, allowPositionals) {
  const help = { type: 'boolean', default: false }
  try {
    return util.parseArgs({ options: { ...options, help }, allowPositionals })
  } catch (error) {
    // Its second sentence is about arguments that begin with a dash.
    throw misuse(error.message.split('. To specify')[0])
  }
}

/** The number that an option was given. */
export function numberAbove0(option, text) {
  const number = Number(text)
  if (!(number > 0)) throw misuse(`${option} takes a number above 0, not ${text}`)
  return number
}

/** The words that an option was given, of those that it takes. */
export function wordsAmong(known, words, what) {
  const unknown = words.filter((word) => !known.includes(word))
  if (unknown.length > 0) throw misuse(`No such ${what}: ${unknown.join(', ')}`)
  return words
}

/** vitest runs on these; the library itself runs on older ones, which the package tests show. */
function checkNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw expectedError(
      `The tools of this project need Node 20.19 or later, and this is ${process.version}.\n` +
        'The library runs on Node 16.0 and later: the packed tarball is tested there.',
    )
  }
}
