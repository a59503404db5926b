import type { Composition } from '../database/composition.js'
import type { ClientCredentials } from '../leaves/contract.js'
import { publishSession } from '../leaves/diagnostics.js'
import { decodeRecord, encodeRecord, isShort } from '../record/codec.js'
import { reading } from '../record/fingerprint.js'
import { loginFailed } from './login/failures.js'
import type { McpClientInformation } from './shapes.js'

/** A registration as its record holds it: for everyone else, and as the SDK saved it. */
interface Registration extends ClientCredentials {
  readonly information?: McpClientInformation
}

/** The registrations of one application, which authorization servers send back to one redirect URL. */
export class Registrations {
  readonly #parts: Composition
  readonly #redirectUrl: string

  constructor(parts: Composition, redirectUrl: string) {
    this.#parts = parts
    this.#redirectUrl = redirectUrl
  }

  /** One round trip. Never from memory: what is refused must be gone at once. */
  async get(issuer: string): Promise<McpClientInformation | undefined> {
    const { keys, vault } = this.#parts
    const key = keys.of('mcp', this.#nameOf(issuer))
    const text = await vault.get(key)
    if (text === null) return undefined
    const registration: Registration = reading(key, () => decodeRecord('mcp', text))
    this.#remember(issuer, registration)
    return registration.information
  }

  async save(issuer: string, information: McpClientInformation): Promise<void> {
    const { keys, vault } = this.#parts
    const registration: Registration = {
      clientId: information.client_id,
      clientSecret: information.client_secret ?? '',
      redirectUri: this.#redirectUrl,
      information,
    }
    const name = this.#nameOf(issuer)
    if (!isShort({ name, registration })) {
      throw loginFailed('the registration of the client is too large')
    }
    const text = encodeRecord('mcp', 'clientInformation', registration)
    await vault.set(keys.of('mcp', name), text)
    this.#remember(issuer, registration)
  }

  /** Deletes the registration if it still is this one: another process may have registered anew. */
  async forget(issuer: string, information: McpClientInformation): Promise<void> {
    const { client_id: clientId, client_secret: clientSecret = '' } = information
    const registration = { clientId, clientSecret, redirectUri: this.#redirectUrl }
    // Only one that is known can be forgotten. This one may have been read by another process.
    this.#remember(issuer, registration)
    if (await this.#parts.registrations.forget(issuer, registration))
      publishSession('clientForgotten')
  }

  #remember(issuer: string, registration: ClientCredentials): void {
    this.#parts.registrations.remember(this.#nameOf(issuer), 'mcp', registration, issuer)
  }

  #nameOf(issuer: string): string {
    return `${withoutSlash(issuer)} ${this.#redirectUrl}`
  }
}

/** An issuer is spelled with a slash by one SDK, and without by another. */
function withoutSlash(issuer: string): string {
  return issuer.replace(/\/$/, '')
}
