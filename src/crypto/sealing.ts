/** What a sealed record is bound to. Opening it with another context fails, so nobody can pass one record off as another. */
export interface SealContext {
  /** The kind of record, in ASCII: `token`, `client`, `pkce`, `access`, … */
  readonly kind: string
  /** The full Redis key, prefix included. */
  readonly redisKey: string
}

/**
 * Makes bytes unreadable and readable again. The built-in encryption has this shape, and so has what a caller
 * brings along for a key management service.
 *
 * `open` gets what `seal` returned, with the same context, and gives back the same plaintext. Bind the context to
 * the result (as associated data, or as a KMS' encryption context): without that, whoever can write to Redis can
 * put one user's record in another's place.
 */
export interface Sealing {
  seal(plaintext: Buffer, context: SealContext): Uint8Array | Promise<Uint8Array>
  open(sealed: Buffer, context: SealContext): Uint8Array | Promise<Uint8Array>
}
