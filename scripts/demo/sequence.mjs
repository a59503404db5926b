import { dim } from '../terminal.mjs'

const FIRST_COLUMN = 5
const COLUMN_WIDTH = 9

/** The names above the lifelines of a sequence diagram. */
export function heads(names) {
  const line = names.reduce(
    (text, name, index) => text.padEnd(column(index) - Math.floor((name.length - 1) / 2)) + name,
    '',
  )
  return dim(line)
}

/** One message from one lifeline to another of `size`, and what it says. */
export function message(size, { from, to, tint, text }) {
  const cells = Array(column(size - 1) + COLUMN_WIDTH).fill(' ')
  for (let index = 0; index < size; index += 1) cells[column(index)] = '│'
  const [left, right] = [Math.min(from, to), Math.max(from, to)].map(column)
  for (let cell = left + 1; cell < right; cell += 1) cells[cell] = cells[cell] === '│' ? '┼' : '─'
  cells[column(from)] = from < to ? '├' : '┤'
  cells[column(to) + (from < to ? -1 : 1)] = from < to ? '▶' : '◀'
  const [before, arrow, after] = [
    cells.slice(0, left),
    cells.slice(left, right + 1),
    cells.slice(right + 1),
  ].map((part) => part.join(''))
  return dim(before) + tint(arrow) + dim(after) + text
}

const column = (index) => FIRST_COLUMN + index * COLUMN_WIDTH
