import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'

/** What scripts/site.mjs knows of the pages. */
const { repository, title, description, sidebar } = JSON.parse(
  readFileSync(fileURLToPath(new URL('../pages.json', import.meta.url)), 'utf8'),
)

/** GitHub serves the pages of a project below its name. */
const BASE = '/redis/'

/** Diagrams are drawn in the browser. */
function drawDiagrams(markdown) {
  const fence = markdown.renderer.rules.fence
  markdown.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index]
    if (info.trim() !== 'mermaid') return fence(tokens, index, ...rest)
    return `<Diagram code="${encodeURIComponent(content)}" />`
  }
}

/** As GitHub makes them, where the same pages are read too. */
const slugify = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

export default defineConfig({
  title,
  description,
  base: BASE,
  srcDir: 'pages',
  outDir: 'dist',
  cacheDir: 'vite-cache',
  cleanUrls: true,
  lastUpdated: false,
  // The steps of the first page run there.
  ignoreDeadLinks: 'localhostLinks',
  markdown: { config: drawDiagrams, anchor: { slugify } },
  themeConfig: {
    nav: [
      { text: 'Get started', link: '/' },
      { text: 'API', link: '/api/' },
      { text: 'Changelog', link: '/changelog' },
    ],
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }],
  },
})
