import type { IncomingMessage, ServerResponse } from 'node:http'
import { listenOnLoopback, readBody, sendJson } from '../fleet/loopback-server.mjs'
import { metadataOf } from '../oauth/discovery.js'

/** Answers a request whose body was read. */
export type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** What it answers at each place; what is left out is answered as an honest server would. */
export interface Behaviour {
  metadata: Answer
  protectedResource: Answer
  register: Answer
  authorize: Answer
  token: Answer
  introspect: Answer
  resource: Answer
}

/** Every secret that the evil server makes holds this, and none of the honest ones does. */
const OWN = 'evil'

/**
 * An MCP server and its authorization server, at one origin, which say what a test has them say and keep all that they are
 * sent.
 */
export class EvilServer {
  readonly origin: string
  readonly #stop: () => Promise<void>
  #behaviour: Partial<Behaviour> = {}
  #received: string[] = []
  #hanging: ServerResponse[] = []
  #waiting: (() => void)[] = []
  #lastNumber = 0

  private constructor(origin: string, stop: () => Promise<void>) {
    this.origin = origin
    this.#stop = stop
  }

  static async start(): Promise<EvilServer> {
    const holder: { evil?: EvilServer } = {}
    const { origin, stop } = await listenOnLoopback(async (request, response) =>
      holder.evil?.answer(request, response),
    )
    holder.evil = new EvilServer(origin, stop)
    return holder.evil
  }

  get resource(): string {
    return `${this.origin}/mcp`
  }

  /** All that it was ever sent since it began to behave so: request lines, headers, bodies. */
  get received(): string {
    return this.#received.join('\n')
  }

  behave(behaviour: Partial<Behaviour>): void {
    this.#behaviour = behaviour
    this.#received = []
  }

  /** Resolves when an answer begins to hang. */
  hangs(): Promise<void> {
    return this.#hanging.length > 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#waiting.push(resolve)
        })
  }

  hangUp(): void {
    for (const response of this.#hanging) response.destroy()
    this.#hanging = []
  }

  async stop(): Promise<void> {
    this.hangUp()
    await this.#stop()
  }

  /** To be called by an answer that never ends. */
  hang(response: ServerResponse): void {
    this.#hanging.push(response)
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  registration(changes: object = {}): Record<string, unknown> {
    this.#lastNumber += 1
    const client_id = `${OWN}-client-${this.#lastNumber}`
    const client_secret = `${OWN}-client-password-${this.#lastNumber}`
    return { client_id, client_secret, client_secret_expires_at: 0, ...changes }
  }

  tokens(changes: object = {}): Record<string, unknown> {
    this.#lastNumber += 1
    return {
      access_token: `${OWN}-access-${this.#lastNumber}`,
      refresh_token: `${OWN}-refresh-${this.#lastNumber}`,
      token_type: 'Bearer',
      expires_in: 3600,
      ...changes,
    }
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    const { method = '', url = '/', headers } = request
    this.#received.push(`${method} ${url}\n${JSON.stringify(headers)}\n${body}`)
    const { pathname } = new URL(url, this.origin)
    const place = this.#placeOf(pathname)
    const answer = this.#behaviour[place] ?? this.#honestly[place]
    answer(request, response, body)
  }

  #placeOf(pathname: string): keyof Behaviour {
    if (pathname.startsWith('/.well-known/oauth-authorization-server')) return 'metadata'
    if (pathname.includes('/.well-known/oauth-protected-resource')) return 'protectedResource'
    const places = ['register', 'authorize', 'token', 'introspect'] as const
    return places.find((place) => pathname === `/${place}`) ?? 'resource'
  }

  readonly #honestly: Behaviour = {
    metadata: (_, response) => sendJson(response, 200, this.metadata()),
    protectedResource: (_, response) => sendJson(response, 200, this.protectedResource()),
    register: (_, response, body) =>
      sendJson(response, 201, { ...JSON.parse(body), ...this.registration() }),
    authorize: ({ url = '/' }, response) => {
      const query = new URL(url, this.origin).searchParams
      const redirect = new URL(query.get('redirect_uri') ?? this.origin)
      redirect.search = new URLSearchParams({
        code: `${OWN}-code`,
        state: query.get('state') ?? '',
        iss: this.origin,
      }).toString()
      sendJson(response, 200, { redirect: redirect.href })
    },
    token: (_, response) => sendJson(response, 200, this.tokens()),
    introspect: (_, response) => sendJson(response, 200, { active: true }),
    resource: ({ headers }, response) => {
      if (headers.authorization?.includes(`${OWN}-access`)) return sendJson(response, 200, {})
      this.challenge(response)
    },
  }

  metadata(changes: object = {}): Record<string, unknown> {
    return metadataOf(this.origin, {
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      ...changes,
    })
  }

  protectedResource(authorizationServer: string = this.origin): Record<string, unknown> {
    return { resource: this.resource, authorization_servers: [authorizationServer] }
  }

  /** A 401 that has a client log in, or with an error, refresh. */
  challenge(
    response: ServerResponse,
    error?: string,
    body: object = { error: 'unauthorized' },
  ): void {
    const path = `${this.origin}/.well-known/oauth-protected-resource/mcp`
    const challenge = `Bearer ${error === undefined ? '' : `error="${error}", `}resource_metadata="${path}"`
    sendJson(response, 401, body, { 'www-authenticate': challenge })
  }
}
