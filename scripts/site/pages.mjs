/** The sidebar: every page of docs/ stands in it once. */
export const SECTIONS = [
  {
    text: 'Use',
    pages: [
      'index',
      'atxp-client',
      'atxp-server',
      'mcp-sdk',
      'nextjs',
      'serverless',
      'bundling',
      'testing',
      'connecting',
      'near-cache',
      'reference',
      'errors',
    ],
  },
  {
    text: 'Move',
    pages: ['from-redis-oauth-db', 'migration'],
  },
  {
    text: 'Operate',
    pages: [
      'operations',
      'runbooks',
      'metrics',
      'command-line',
      'admin',
      'topologies',
      'servers-and-runtimes',
    ],
  },
  {
    text: 'Trust',
    pages: ['guarantees', 'security', 'reliability', 'benchmarks', 'conformance', 'referee'],
  },
  {
    text: 'How it works',
    pages: ['architecture', 'oauth-db'],
  },
]

const LINK = /(\]\()([^)\s]+)(\))/g
const FENCE = /^```[\s\S]*?^```$/gm

/**
 * A file of the repository as a page of the site: what is a page there is linked as one, all else on GitHub.
 * @returns its name in URLs, its title, its first words, and its text
 */
export function pageOf(file, source, repository) {
  const name = nameOf(file)
  const folder = file.startsWith('docs/') ? 'docs/' : ''
  const text = outsideFences(source, (part) =>
    part.replace(
      LINK,
      (_, before, target, after) => before + linkOf(folder, target, repository) + after,
    ),
  )
  const title = /^# (.*)$/m.exec(source)?.[1].replaceAll('`', '') ?? name
  const first = source.replace(FENCE, '').split(/\n\n+/)[1] ?? ''
  const plain = first.replace(/\s+/g, ' ').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
  const summary = /^.*?[.?](?= [A-Z`]|$)/.exec(plain)?.[0] ?? plain
  return { name, title, summary, text }
}

function nameOf(file) {
  if (file === 'README.md') return 'index'
  return file
    .replace(/^docs\//, '')
    .replace(/\.md$/, '')
    .toLowerCase()
}

function outsideFences(source, change) {
  let end = 0
  let text = ''
  for (const { 0: fence, index } of source.matchAll(FENCE)) {
    text += change(source.slice(end, index)) + fence
    end = index + fence.length
  }
  return text + change(source.slice(end))
}

function linkOf(folder, target, repository) {
  if (/^(https?:|mailto:|#)/.test(target)) return target
  const [path, anchor] = target.split('#')
  const file = new URL(path, `file:///${folder}`).pathname.slice(1)
  const hash = anchor === undefined ? '' : `#${anchor}`
  if (file.startsWith('docs/images/')) return file.replace('docs/', './')
  if (/^(docs\/[\w-]+|README|CHANGELOG)\.md$/.test(file)) return `./${nameOf(file)}.md${hash}`
  return `${repository}/blob/main/${file}${hash}`
}

/** For programs that read: a list of the pages, and all of them in one file (llmstxt.org). */
export function llms(pages, description) {
  const shown = SECTIONS.flatMap(({ pages: names }) =>
    names.map((name) => pages.find((page) => page.name === name)),
  )
  const lines = shown.map(({ name, title, summary }) => `- [${title}](${name}.html): ${summary}`)
  return {
    'llms.txt': `# @atxp/redis\n\n> ${description}\n\n## Docs\n\n${lines.join('\n')}\n`,
    'llms-full.txt': shown
      .map(({ text }) => text.trim())
      .join('\n\n---\n\n')
      .concat('\n'),
  }
}
