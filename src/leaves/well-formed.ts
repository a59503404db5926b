const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/

/** Node's own, from 20 on. */
const { isWellFormed: native } = String.prototype as { isWellFormed?: () => boolean }

/** UTF-8 turns every lone surrogate into the same three bytes, so two different strings would meet in one key. */
export const isWellFormed: (value: string) => boolean =
  native === undefined ? (value) => !LONE_SURROGATE.test(value) : (value) => native.call(value)

/** The text that the bytes are in UTF-8, or undefined where they are not UTF-8: decoding would merge different records. */
export function textOf(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8')
  return text.includes('\uFFFD') && !Buffer.from(text).equals(bytes) ? undefined : text
}
