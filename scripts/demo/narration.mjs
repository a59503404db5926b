import {
  bar,
  bold,
  count,
  cyan,
  dim,
  duration,
  green,
  isLive,
  overwrite,
  print,
  settle,
} from '../terminal.mjs'

export const FRAME_MS = 50

export function scene(title) {
  print(`\n${cyan('▸')} ${bold(title)}`)
}

function describe(actor, text, ms) {
  return `  ${actor.label}  ${text}${ms === undefined ? '' : ` ${dim(duration(ms))}`}`
}

export const say = (actor, text, ms) => print(describe(actor, text, ms))
export const settleAt = (actor, text, ms) => settle(describe(actor, text, ms))

export function answer(value) {
  return `${dim('→')} ${green(JSON.stringify(value).replaceAll(',', ', '))}`
}

export function perSecond(number, ms) {
  return bold(`${count(Math.round((number / ms) * 1000))} a second`)
}

/** Draws a bar as often as an eye can follow; where no one watches, a line each half. */
export function showProgress(total, started) {
  let nextAt = 0
  let nextHalf = 0.5
  return (done) => {
    const now = performance.now()
    const fraction = Math.min(done / total, 1)
    if (isLive && now >= nextAt) {
      nextAt = now + FRAME_MS
      const speed = perSecond(done, now - started)
      overwrite(`  ${bar(fraction)}  ${count(done).padStart(7)} of ${count(total)}  ${speed}`)
    }
    if (!isLive && fraction >= nextHalf) {
      nextHalf += 0.5
      print(`  ${count(done)} of ${count(total)}`)
    }
  }
}
