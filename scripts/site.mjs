import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectedError } from './cleanup.mjs'
import { root, run } from './command.mjs'
import { installLocked, installNodeModules } from './install.mjs'
import { runScript } from './run-script.mjs'
import { deadLinks } from './site/links.mjs'
import { llms, pageOf, SECTIONS } from './site/pages.mjs'
import { dim, green, print } from './terminal.mjs'

const USAGE = `npm run site     builds the documentation site from README.md, docs/ and the doc comments into .cache/site/dist, and
                 follows every link of it`

const SITE = join(root, '.cache/site')
const PAGES = join(SITE, 'pages')
const DIST = join(SITE, 'dist')
const ENTRY_POINTS = ['index', 'mcp', 'admin', 'metrics', 'conformance', 'referee']

async function main() {
  await installNodeModules()
  await installLocked('site', 'VitePress and TypeDoc')
  for (const directory of [PAGES, DIST]) await rm(directory, { recursive: true, force: true })
  await mkdir(join(PAGES, 'public'), { recursive: true })
  await cp(join(root, 'scripts/site/.vitepress'), join(SITE, '.vitepress'), { recursive: true })
  await cp(join(root, 'docs/images'), join(PAGES, 'images'), { recursive: true })

  await writePages()
  await tool('typedoc/bin/typedoc', [
    ...ENTRY_POINTS.flatMap((name) => ['--entryPoints', join(root, `src/${name}.ts`)]),
    ...[
      '--tsconfig',
      join(root, 'tsconfig.json'),
      '--options',
      join(root, 'scripts/site/typedoc.json'),
    ],
    ...['--out', join(PAGES, 'api')],
  ])
  await tool('vitepress/bin/vitepress.js', ['build', SITE])

  const dead = await deadLinks(DIST)
  if (dead.length > 0) throw expectedError(`Links that lead nowhere:\n${dead.join('\n')}`)
  print(`${green('✓')} .cache/site/dist ${dim('every link leads somewhere')}`)
}

/** No text stands twice: these are the files of the repository, with links as the site has them. */
async function writePages() {
  const { homepage, description } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const repository = homepage.replace(/#.*/, '')
  const files = ['README.md', 'CHANGELOG.md']
  for (const name of await readdir(join(root, 'docs'))) {
    if (name.endsWith('.md')) files.push(`docs/${name}`)
  }
  const pages = []
  for (const file of files) {
    pages.push(pageOf(file, await readFile(join(root, file), 'utf8'), repository))
  }
  for (const { name, text } of pages) await writeFile(join(PAGES, `${name}.md`), text)
  for (const [name, text] of Object.entries(llms(pages, description))) {
    await writeFile(join(PAGES, 'public', name), text)
  }
  const named = new Set(SECTIONS.flatMap(({ pages: names }) => names))
  const others = pages.filter(({ name }) => !named.has(name) && name !== 'changelog')
  if (others.length > 0) {
    const names = others.map(({ name }) => name).join(', ')
    throw expectedError(`scripts/site/pages.mjs has no section for ${names}`)
  }
  const itemOf = (name) => {
    if (name === 'index') return { text: 'Get started', link: '/' }
    return { text: pages.find((page) => page.name === name)?.title, link: `/${name}` }
  }
  const sidebar = SECTIONS.map(({ text, pages: names }) => ({ text, items: names.map(itemOf) }))
  const api = ENTRY_POINTS.map((name) => ({ text: name, link: `/api/${name}/` }))
  sidebar.push({ text: 'API', collapsed: true, items: api })
  const known = { repository, title: '@atxp/redis', description, sidebar }
  await writeFile(join(SITE, 'pages.json'), JSON.stringify(known))
}

async function tool(path, args) {
  const { code, output } = await run(
    process.execPath,
    [join(SITE, 'node_modules', path), ...args],
    {
      cwd: SITE,
    },
  )
  if (code !== 0) throw expectedError(output)
}

await runScript({ usage: USAGE, main })
