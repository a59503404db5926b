/** Said on a machine without a compiler by a package that the published client needs. */
const NOT_BUILT = /^bigint: Failed to load bindings, pure JS will be used .*\n/gm

/** What a program said on stderr, but for that. */
export function saidBy(stderr: string): string {
  return stderr.replace(NOT_BUILT, '')
}
