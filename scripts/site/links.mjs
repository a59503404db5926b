import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'

/** As the configuration of the site has it. */
const BASE = '/redis/'

/** The links inside of the site that lead to no file or to no heading of it, each with the page that it is on. */
export async function deadLinks(directory) {
  const files = (await readdir(directory, { recursive: true })).filter((name) =>
    name.endsWith('.html'),
  )
  const pages = new Map()
  for (const file of files) {
    const html = await readFile(join(directory, file), 'utf8')
    pages.set(file, {
      ids: new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)),
      links: [...html.matchAll(/ (?:href|src)="([^"]+)"/g)].map(([, link]) => link),
    })
  }
  const isThere = (file) => pages.has(file) || existsSync(join(directory, file))
  const dead = []
  for (const [page, { links }] of pages) {
    for (const link of new Set(links)) {
      const url = new URL(link.replaceAll('&amp;', '&'), `http://site${posix.join(BASE, page)}`)
      if (url.host !== 'site') continue
      const path = decodeURIComponent(url.pathname).replace(BASE, '')
      const file = [path, `${path}.html`, posix.join(path, 'index.html')].find(
        (one) => one !== '' && isThere(one),
      )
      const anchor = decodeURIComponent(url.hash.slice(1))
      const isFound = file !== undefined && url.pathname.startsWith(BASE)
      const hasAnchor = anchor === '' || !pages.has(file) || pages.get(file).ids.has(anchor)
      if (!isFound || !hasAnchor) dead.push(`${page}: ${link}`)
    }
  }
  return dead
}
