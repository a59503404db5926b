/** "one caller", "2 callers". */
export function plural(count, word) {
  return count === 1 ? `one ${word}` : `${count} ${word}s`
}
