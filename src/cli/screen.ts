import type { Writable } from 'node:stream'
import type { WalkProgress } from '../admin/walk.js'

export interface Output extends Pick<Writable, 'write' | 'once'> {
  readonly isTTY?: boolean
  /** Of a terminal. */
  readonly rows?: number
  readonly columns?: number
}

export interface Streams {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
}

const COLOURS = { green: 32, yellow: 33, red: 31, bold: 1, dim: 2 } as const

export type Colour = keyof typeof COLOURS

const BAR_WIDTH = 24
const REDRAW_MS = 100
/** Between two lines of progress where there is no terminal. */
const LINE_MS = 5_000
const ERASE_LINE = '\r\u001b[2K'

/**
 * What would make a terminal do something, or shows text in another order than it stands. It may come from Redis: names of users, URLs.
 */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`
}

export function safe(text: string): string {
  return text.replace(UNSAFE, escaped)
}

/** Writes results to `stdout`, and all else to `stderr`. */
export class Screen {
  readonly isJson: boolean
  readonly #streams: Streams
  /** Whether a progress bar stands in the last line of the terminal. */
  #hasBar = false
  #hasResult = false
  /** How many lines `frame` has on the terminal. */
  #frameLines = 0

  constructor(streams: Streams, isJson: boolean) {
    this.#streams = streams
    this.isJson = isJson
  }

  /** Whether the result goes to a terminal. */
  get isTerminal(): boolean {
    return this.#streams.stdout.isTTY === true
  }

  colour(colour: Colour, text: string): string {
    const { NO_COLOR } = this.#streams.env
    if (!this.isTerminal || NO_COLOR) return text
    return `\u001b[${COLOURS[colour]}m${text}\u001b[0m`
  }

  /** Whether a part of the result has been written. */
  get hasResult(): boolean {
    return this.#hasResult
  }

  /** One line of the result. Text that is not our own goes through `safe` before. */
  async line(text: string): Promise<void> {
    this.#hasResult = true
    await this.#write(this.#streams.stdout, `${text}\n`)
  }

  /** A part of the result in lines of its own form, which holds nothing that a terminal would take for more. */
  async part(text: string): Promise<void> {
    this.#hasResult = true
    await this.#write(this.#streams.stdout, text)
  }

  /** For the user, and no result. */
  async note(text: string): Promise<void> {
    await this.#write(this.#streams.stderr, `${safe(text)}\n`)
  }

  /** A result for programs, on one line. */
  json(value: unknown): Promise<void> {
    // A terminal would take the rest of what `UNSAFE` names as well.
    return this.line(safe(JSON.stringify(value)))
  }

  /** One result a line, or all in one array for programs; none is held back. */
  async list<T>(all: AsyncIterable<T> | Iterable<T>, show: (one: T) => string): Promise<number> {
    let count = 0
    for await (const one of all) {
      if (this.isJson) await this.line(`${count === 0 ? '[' : ','}${safe(JSON.stringify(one))}`)
      else await this.line(show(one))
      count += 1
    }
    if (this.isJson) await this.line(count === 0 ? '[]' : ']')
    return count
  }

  /** Text in columns, under their names. */
  async table(names: readonly string[], rows: readonly (readonly string[])[]): Promise<void> {
    for (const [index, text] of inColumns(names, rows).entries()) {
      await this.line(index === 0 ? this.colour('bold', text) : text)
    }
  }

  /** A table in the place of the one before, on a terminal; as many rows as that has room for. */
  async frame(names: readonly string[], rows: readonly (readonly string[])[]): Promise<void> {
    // 0 where the terminal does not say.
    const height = this.#streams.stdout.rows || 24
    const width = this.#streams.stdout.columns || 80
    const room = Math.max(1, height - 3)
    const lines = inColumns(names, withFirstWithin(width - 1, names, rows.slice(0, room)))
    if (rows.length > room) lines.push(`and ${rows.length - room} more`)
    const shown = lines.map((line) => line.slice(0, width - 1))
    const [head = '', ...others] = shown
    const back = this.#frameLines === 0 ? '' : `\u001b[${this.#frameLines}A`
    this.#frameLines = shown.length
    await this.part(`${back}\r\u001b[J${[this.colour('bold', head), ...others].join('\n')}\n`)
  }

  /**
   * Shows how far a walk is: a bar on a terminal, else a line now and then.
   * @param total - keys of Redis, those of others included; 0: not known yet
   */
  progress(total: () => number): { update(progress: WalkProgress): void; end(): void } {
    const { stderr } = this.#streams
    let shownAt = performance.now()
    let last: WalkProgress = { seen: 0, found: 0 }
    const show = (): void => {
      shownAt = performance.now()
      const all = total()
      const text = `${last.seen} ${all > 0 ? `of ${Math.max(all, last.seen)} ` : ''}keys`
      if (!stderr.isTTY) {
        stderr.write(`${text}\n`)
        return
      }
      stderr.write(`${ERASE_LINE}${barOf(last.seen, all)}${text}`)
      this.#hasBar = true
    }
    return {
      update: (progress) => {
        last = progress
        const everyMs = stderr.isTTY ? REDRAW_MS : LINE_MS
        if (performance.now() - shownAt >= everyMs) show()
      },
      end: () => {
        show()
        if (this.#hasBar) stderr.write('\n')
        this.#hasBar = false
      },
    }
  }

  async #write(stream: Output, text: string): Promise<void> {
    if (this.#hasBar) this.#streams.stderr.write(ERASE_LINE)
    this.#hasBar = false
    if (!stream.write(text)) await new Promise((resolve) => stream.once('drain', resolve))
  }
}

/** Rows whose first cell, text that is not our own, leaves the others their room. Its end tells most: of pods, the rest is the same. */
function withFirstWithin(
  width: number,
  names: readonly string[],
  rows: readonly (readonly string[])[],
): string[][] {
  const others = inColumns(
    names.slice(1),
    rows.map((row) => row.slice(1)),
  )
  const room = Math.max(8, width - 2 - Math.max(...others.map(({ length }) => length)))
  return rows.map(([first = '', ...cells]) => {
    // Others may take two columns: a line that the terminal breaks would not be erased.
    const text = safe(first).replace(/[^ -~]/gu, '?')
    return [text.length > room ? `..${text.slice(2 - room)}` : text, ...cells]
  })
}

/** Lines of text in columns, the names first. */
function inColumns(names: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [names, ...rows].map((row) => row.map(safe))
  const widths = names.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function barOf(seen: number, total: number): string {
  if (total === 0) return ''
  const share = Math.min(1, seen / total)
  const done = Math.round(share * BAR_WIDTH)
  return `[${'#'.repeat(done)}${'-'.repeat(BAR_WIDTH - done)}] ${Math.floor(share * 100)} % `
}
