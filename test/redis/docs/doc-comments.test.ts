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

const PLAIN = [
  ts.SyntaxKind.StringKeyword,
  ts.SyntaxKind.NumberKeyword,
  ts.SyntaxKind.UndefinedKeyword,
]

/** Of what callers give; the two that are left out are what `withOAuthDatabase` returns. */
const options = statements
  .filter(ts.isInterfaceDeclaration)
  .filter(({ name: { text } }) => exported.has(text) && /Options?$/.test(text))
  .filter(({ name: { text } }) => !['SdkOptions', 'ServerOptions'].includes(text))
  .flatMap(({ members }) => members.filter(ts.isPropertySignature))
  .filter(({ type }) => !isPlain(type))

/** A number or a text shows by its type how to write it. */
function isPlain(type: ts.TypeNode | undefined): boolean {
  const parts = type && ts.isUnionTypeNode(type) ? type.types : [type]
  return parts.every((part) => part !== undefined && PLAIN.includes(part.kind))
}

/** The parts that `SealedKind` and `ScenarioName`, which are exported, are made of. */
const PARTS = ['JsonKind', 'JsonRecords', 'LastingKind', 'SCENARIO_NAMES']

test('every type that a public signature names is exported', () => {
  // The bundles hold what signatures name, and nothing else.
  const declared = statements.flatMap((statement) => namesDeclaredBy(statement))
  expect(declared.length).toBeGreaterThan(100)
  expect(declared.filter((name) => !exported.has(name)).sort()).toEqual(PARTS)
})

function namesDeclaredBy(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText())
  }
  const isNamed =
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isFunctionDeclaration(statement)
  return isNamed && statement.name !== undefined ? [statement.name.text] : []
}

test('every public option that is no plain number or text has an example in its doc comment', () => {
  expect(options.length).toBeGreaterThan(30)
  expect(namesWithoutExample(options)).toEqual([])
})

test('every public method and function has an example in its doc comment', () => {
  expect(functions.length).toBeGreaterThan(25)
  expect(namesWithoutExample(functions)).toEqual([])
})
