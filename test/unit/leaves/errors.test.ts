import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from '@typescript/typescript6'
import { expect, test } from 'vitest'
import {
  DOCS,
  RedisOAuthDatabaseError,
  type RedisOAuthDatabaseErrorCode,
} from '../../../src/leaves/errors.js'
import { DeletionTally } from '../../../src/redis/deletion-tally.js'
import { ADVICE } from '../../../src/redis/driver/advice.js'
import { NEVER_ANSWERED } from '../../../src/redis/driver/retry.js'
import { LOST_WITHOUT, type Right } from '../../../src/redis/protocol/rights.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

const MAX_LENGTH = 300
const BEFORE = 'getClientCredentials failed: '
const BEHIND = ' (record 0123456789ab)'
const SERVER = 'redis-12345.cache.example.com:6379'
/** What is put into a text: a server; a clause; numbers and names. */
const SPAN_LENGTHS = new Map([
  ['server', SERVER.length],
  ['this.server', SERVER.length],
  ['reason', 80],
  ['what', 80],
  ['cause.message', 50],
])
const VALUE_LENGTH = 20

const files = filesUnder('src').map((path) =>
  ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.Latest, true),
)

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = `${folder}/${name}`
    return statSync(join(root, path)).isDirectory() ? filesUnder(path) : [path]
  })
}

interface Thrown {
  place: string
  code: string
  length: number
}

/** Every error that the source makes, with a code of its own or for misuse, and how long its text may get. */
const thrown = files.flatMap((file) => {
  const found: Thrown[] = []
  const visit = (node: ts.Node): void => {
    ts.forEachChild(node, visit)
    if (!ts.isNewExpression(node) || !/Error$/.test(node.expression.getText())) return
    const [first, second] = node.arguments ?? []
    if (first === undefined) return
    const isMisuse = node.expression.getText() === 'TypeError'
    const [code, message] = isMisuse ? ['TypeError', first] : [textOf(first), second]
    if (code === undefined || message === undefined) return
    const { line } = file.getLineAndCharacterOfPosition(node.getStart())
    const place = `${file.fileName}:${line + 1}`
    const before = isMisuse ? '' : BEFORE
    const around = code === 'UNREADABLE_RECORD' ? before + BEHIND : before
    found.push({ place, code, length: around.length + longest(message) })
  }
  visit(file)
  return found
})

function textOf(node: ts.Expression): string | undefined {
  return ts.isStringLiteral(node) ? node.text : undefined
}

function longest(node: ts.Expression): number {
  if (ts.isStringLiteralLike(node)) return node.text.length
  if (ts.isParenthesizedExpression(node)) return longest(node.expression)
  if (ts.isBinaryExpression(node)) return longest(node.left) + longest(node.right)
  if (ts.isConditionalExpression(node))
    return Math.max(longest(node.whenTrue), longest(node.whenFalse))
  if (ts.isTemplateExpression(node)) {
    const spans = node.templateSpans.map(
      ({ expression, literal }) => longest(expression) + literal.text.length,
    )
    return spans.reduce((sum, length) => sum + length, node.head.text.length)
  }
  const text = node.getText()
  if (text === 'DOCS') return DOCS.length
  const constant = constantOf(node)
  if (constant !== undefined) return longest(constant)
  return SPAN_LENGTHS.get(text) ?? VALUE_LENGTH
}

/** What a text that has a name of its own is, in the same file. */
function constantOf(name: ts.Expression): ts.Expression | undefined {
  let found: ts.Expression | undefined
  const visit = (node: ts.Node): void => {
    const isIt = ts.isVariableDeclaration(node) && node.name.getText() === name.getText()
    if (isIt && node.initializer && isText(node.initializer)) found = node.initializer
    ts.forEachChild(node, visit)
  }
  visit(name.getSourceFile())
  return found
}

function isText(node: ts.Expression): boolean {
  return (
    ts.isStringLiteralLike(node) || ts.isTemplateExpression(node) || ts.isBinaryExpression(node)
  )
}

/** Of each code that comes from Redis or the network, what it says of every command that may fail. */
const advised = Object.entries(ADVICE).flatMap(([code, advice]) => {
  const rights = Object.keys(LOST_WITHOUT) as Right[]
  const texts = [NEVER_ANSWERED.message, 'X'.repeat(1_000)]
  const variants = [
    ...rights.flatMap((right) => [
      { command: right.toUpperCase(), denied: right },
      { command: right.toUpperCase(), denied: 'a command' as const },
    ]),
    { command: 'EVAL', denied: 'a key' as const },
    { command: 'EVAL', denied: 'a channel' as const },
  ]
  return texts.flatMap((text) =>
    [undefined, 'ENOENT', 'EACCES'].flatMap((systemCode) =>
      variants.map((variant) => ({
        code,
        message: advice({ server: SERVER, text, systemCode, ...variant }),
      })),
    ),
  )
})

test('no message of an error is longer than 300 characters', () => {
  const tooLong = advised.filter(({ message }) => `${BEFORE}${message}`.length > MAX_LENGTH)
  expect(new Set(tooLong.map(({ message }) => message))).toEqual(new Set())
  expect(thrown.filter(({ length }) => length > MAX_LENGTH)).toEqual([])
})

test('nor is that of a deletion, which says how far it came', async () => {
  const tooLong = new Set<string>()
  for (const { code, message } of advised) {
    const tally = new DeletionTally()
    const failure = new RedisOAuthDatabaseError(code as RedisOAuthDatabaseErrorCode, message)
    await tally.countAll(12_345, Promise.reject(failure))
    tally.notTried = 12_345
    const error = messageOf(() => tally.outcome())
    const full = `deleteTokens failed: ${error}`
    expect(full).toContain('12345 not tried')
    if (full.length > MAX_LENGTH) tooLong.add(full)
  }
  expect(tooLong).toEqual(new Set())
})

function messageOf(act: () => unknown): string {
  try {
    act()
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test('every message from Redis or the network says what is so, where, and then what to do', () => {
  const without = advised.filter(({ message }) => !/^[^.]*redis-12345.*?[^.]\. [A-Z]/.test(message))
  expect(without).toEqual([])
})

test('that covers every code', () => {
  const source = readFileSync(join(root, 'src/leaves/errors.ts'), 'utf8')
  const codes = [...source.matchAll(/^ {2}\| '([A-Z_]+)'$/gm)].map(([, code]) => code)
  const covered = new Set([...thrown, ...advised].map(({ code }) => code))
  expect(codes.filter((code) => !covered.has(code ?? ''))).toEqual([])
})

test('messages lead to pages under the homepage of the package', () => {
  const { homepage } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(DOCS).toBe(`${homepage.replace(/#.*/, '')}/blob/main/docs`)
})
