/** Every secret of the referee's authorization server, and of no other. */
const SECRET = /[\w.%-]*-secret-\d+/g

export function hideSecrets(text: string): string {
  return text.replace(SECRET, '[secret]')
}

/** The distinct ones that a text holds. */
export function secretsIn(text: string): string[] {
  return [...new Set(text.match(SECRET) ?? [])]
}
