import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from '@typescript/typescript6'
import { expect, test } from 'vitest'

const dist = fileURLToPath(new URL('../../../dist', import.meta.url))

/** The declarations of the entry points, which hold what editors show. */
const statements = readdirSync(dist)
  .filter((name) => name.endsWith('.d.ts'))
  .map((name) => [name, readFileSync(join(dist, name), 'utf8')] as const)
  .map(([name, text]) => ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true))
  .flatMap((file) => [...file.statements])

const exported = new Set(
  statements
    .filter(ts.isExportDeclaration)
    .flatMap(({ exportClause: clause }) =>
      clause && ts.isNamedExports(clause) ? clause.elements : [],
    )
    .map(({ name }) => name.text),
)

const functions = statements.flatMap((statement): ts.Declaration[] => {
  if (ts.isFunctionDeclaration(statement)) return [statement]
  if (!ts.isClassDeclaration(statement) || !exported.has(statement.name?.text ?? '')) return []
  return statement.members.filter(ts.isMethodDeclaration).filter((method) => !isAbstract(method))
})

function isAbstract(declaration: ts.Declaration): boolean {
  return (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Abstract) !== 0
}

function namesWithoutExample(declarations: readonly ts.Declaration[]): string[] {
  return declarations
    .filter((one) => !ts.getJSDocTags(one).some(({ tagName }) => tagName.text === 'example'))
    .map((one) => ts.getNameOfDeclaration(one)?.getText() ?? '?')
}

test('every public method and function has an example in its doc comment', () => {
  expect(functions.length).toBeGreaterThan(25)
  expect(namesWithoutExample(functions)).toEqual([])
})
