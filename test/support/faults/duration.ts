/** Lets a fault last. Its length is no fact to wait for; what comes of it is, with `eventually`. */
export function lasts(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
