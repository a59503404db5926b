/** The text with other content between the comments that mark its place. */
export function replaceBetween(text, name, content) {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`]
  const [start, stop] = [text.indexOf(begin), text.indexOf(end)]
  if (start === -1 || stop === -1) throw new Error(`There is no place for ${name}`)
  return text.slice(0, start + begin.length) + content + text.slice(stop)
}
