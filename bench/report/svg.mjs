// Colours are of middling lightness, so that lines show on white and on black; text and background follow the reader's
// scheme.
const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.quiet { fill: #59636e }
.paper { fill: #ffffff }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.whisker { stroke: #59636e; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .quiet { fill: #9198a1 }
  .paper { fill: #0d1117 }
  .grid { stroke: #3d444d }
  .whisker { stroke: #9198a1 }
}`

/** The same in every plot. */
const COLOURS = {
  ours: '#2f81f7',
  'ours-text': '#2f81f7',
  'ours-hot': '#1f9e8f',
  'ours-encrypted': '#8957e5',
  'ours-text-encrypted': '#8957e5',
  'ours-cached': '#1a9c3e',
  'ours-cached-by-key': '#1f9e8f',
  upstream: '#e5534b',
  'upstream-again': '#f0938d',
  'upstream-encrypted': '#c77d2e',
  ioredis: '#b08800',
  'ioredis-auto': '#d2699b',
  batched: '#57606a',
  cipher: '#a371a0',
  keyv: '#6e7f8d',
  'connect-redis': '#9c6b4a',
  'connect-redis ids': '#9c6b4a',
  "upstream's way": '#e5534b',
  reads: '#2f81f7',
  writes: '#c77d2e',
  mixed: '#1a9c3e',
  'one caller each': '#c77d2e',
  '4 callers each': '#2f81f7',
  '16 callers each': '#1a9c3e',
  "a user's sessions": '#8957e5',
  ...sameColour('#2f81f7', [
    ...['this library', 'import of this library', 'listTokens', 'scanTokens', 'storeTokens'],
    ...['scanTokens and getTokens', 'singleFlight'],
  ]),
  'storeTokens, encrypted': '#8957e5',
}
const OTHER = '#7d8590'

function sameColour(colour, names) {
  return Object.fromEntries(names.map((name) => [name, colour]))
}

export function colourOf(name) {
  return COLOURS[name] ?? OTHER
}

export function escapeText(text) {
  return String(text).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

export function text(x, y, content, { anchor = 'start', classes = '', rotate } = {}) {
  const turn = rotate === undefined ? '' : ` transform="rotate(${rotate} ${x} ${y})"`
  const named = classes === '' ? '' : ` class="${classes}"`
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${named}${turn}>${escapeText(content)}</text>`
}

export function line(x1, y1, x2, y2, classes) {
  return `<line class="${classes}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
}

export function drawing({ width, height, title, parts }) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="paper" width="${width}" height="${height}" rx="6"/>`,
    text(20, 30, title, { classes: 'title' }),
    ...parts,
    '</svg>\n',
  ].join('\n')
}

export function round(number) {
  return Math.round(number * 10) / 10
}
