import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * SHA-256 of the JSON list of the page's sentences, so that none is left out or changed here. The page without its code is read line
 * by line. A line that ends with a full stop or a colon, or is an item of a list, is split behind its full stops, without the
 * item's mark. Lines of other kinds that follow one another are one: the name of a method, its parameters and types.
 */
const PAGE = '6f65f7329f24682090779f237e89916c9776a5fe5d3e3aa5fdf49ba6d9605eaa'

interface Row {
  sentence: string
  /** As `path › title`. */
  shownBy: string[]
  reason: string
}

const rows: Row[] = readFileSync(join(root, 'test/redis/reference/sentences.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(1)
  .map((line) => {
    const [sentence = '', shownBy = '', reason = ''] = line
      .slice(2, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll('\\|', '|'))
    return {
      sentence,
      shownBy: [...shownBy.matchAll(/`([^`]+)`/g)].map(([, it = '']) => it),
      reason,
    }
  })

function isThere(reference: string): boolean {
  const [path = '', title = ''] = reference.split(' › ')
  if (title === '' || !existsSync(join(root, path))) return false
  const text = readFileSync(join(root, path), 'utf8')
  if (path.endsWith('.md')) return text.split('\n').includes(title)
  if (path.startsWith('test/types/')) return text.includes(title)
  // As the title of a test: what runs it comes next.
  const [before = '', ...behind] = text.split(title)
  const quote = before.slice(-1)
  return (
    /['"`]/.test(quote) &&
    behind.some((rest) => new RegExp(`^${quote},\\s*(async )?\\(`).test(rest))
  )
}

describe('the table of the sentences of the reference', () => {
  it('has every sentence of the page, in its order', () => {
    const sentences = JSON.stringify(rows.map(({ sentence }) => sentence))
    expect(createHash('sha256').update(sentences).digest('hex')).toBe(PAGE)
  })

  it('says of each sentence what shows it, or why nothing does', () => {
    const open = rows.filter(({ shownBy, reason }) => (shownBy.length === 0) === (reason === ''))
    expect(open).toEqual([])
  })

  it('names tests that are there', () => {
    const named = new Set(rows.flatMap(({ shownBy }) => shownBy))
    expect(named.size).toBeGreaterThan(30)
    expect([...named].filter((reference) => !isThere(reference))).toEqual([])
  })

  it('would notice a test that is not there', () => {
    expect(isThere('test/redis/reference/sentences.test.ts › no such test')).toBe(false)
    expect(isThere('test/redis/reference/no-such-file.test.ts › a test')).toBe(false)
    expect(isThere('test/redis/reference/blocks.md › ## No such block')).toBe(false)
  })
})
