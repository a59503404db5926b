import { clearLine, cursorTo } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'

const { env, stdout } = process

/** Lines may be written over: a person watches, on a terminal that can move its cursor. */
export const isLive = Boolean(stdout.isTTY) && !env.CI && env.TERM !== 'dumb'

export const isColoured = env.NO_COLOR === undefined && (isLive || Boolean(env.FORCE_COLOR))

/** The environment for a child whose output is kept, so that it is coloured as ours is. */
export const colourEnv = isColoured ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }

const paint = (open, close) => (text) =>
  isColoured ? `\x1b[${open}m${text}\x1b[${close}m` : String(text)

export const bold = paint(1, 22)
export const dim = paint(2, 22)
export const red = paint(31, 39)
export const green = paint(32, 39)
export const yellow = paint(33, 39)
export const cyan = paint(36, 39)
export const magenta = paint(35, 39)

export const widthOf = (text) => stripVTControlCharacters(text).length

export function print(text = '') {
  stdout.write(`${text}\n`)
}

/** Writes over the current line; nothing where no one watches. */
export function overwrite(text) {
  if (!isLive) return
  clearLine(stdout, 0)
  cursorTo(stdout, 0)
  stdout.write(truncate(text, (stdout.columns || 80) - 1))
}

/** Puts a finished line in the place of the live one. */
export function settle(text) {
  overwrite('')
  print(text)
}

function truncate(text, width) {
  if (widthOf(text) <= width) return text
  return stripVTControlCharacters(text).slice(0, width)
}

export function showCursor(isShown) {
  if (isLive) stdout.write(isShown ? '\x1b[?25h' : '\x1b[?25l')
}

export function box(lines, tint = cyan) {
  const width = Math.max(...lines.map(widthOf))
  const row = (line) => `${tint('│')} ${line}${' '.repeat(width - widthOf(line))} ${tint('│')}`
  return [
    tint(`╭${'─'.repeat(width + 2)}╮`),
    ...lines.map(row),
    tint(`╰${'─'.repeat(width + 2)}╯`),
  ].join('\n')
}

/** A bar of `width` cells, filled to `fraction` in eighths of a cell. */
export function bar(fraction, width = 30) {
  const eighths = Math.round(Math.min(Math.max(fraction, 0), 1) * width * 8)
  const full = '█'.repeat(Math.floor(eighths / 8))
  const part = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]
  const filled = full + part
  return cyan(filled) + dim('░'.repeat(width - filled.length))
}

const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'

export const spinner = () => cyan(FRAMES[Math.floor(Date.now() / 80) % FRAMES.length])

export const count = (number) => number.toLocaleString('en-US')

export function duration(ms) {
  if (ms < 1) return `${ms.toFixed(2)} ms`
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}
