/** A socket of ioredis', or what a caller's own connector made of it; undefined before it connects. */
type Stream = { cork?(): void; uncork?(): void } | null | undefined

/** Has the streams hold back what is written, until the returned function lets these very streams go. */
export function corkAll(streams: readonly Stream[]): () => void {
  for (const stream of streams) stream?.cork?.()
  return () => {
    for (const stream of streams) stream?.uncork?.()
  }
}
