import {
  AUTHORIZATIONS,
  BODIES,
  DOCUMENTS,
  INTROSPECTIONS,
  type Menu,
  PROTECTED_RESOURCES,
  REFUSALS,
  REGISTRATIONS,
  RESOURCES,
  TOKENS,
} from './answers.js'
import type { Behaviour } from './evil-server.js'
import type { World } from './world.js'

export const MENUS: Record<keyof Behaviour, Menu> = {
  metadata: DOCUMENTS,
  register: REGISTRATIONS,
  authorize: AUTHORIZATIONS,
  token: TOKENS,
  introspect: INTROSPECTIONS,
  resource: RESOURCES,
  protectedResource: PROTECTED_RESOURCES,
}

/** By place, which answer of its menu the evil server gives there. */
export type Lie = { readonly [Place in keyof Behaviour]?: string }

/** Of the refusals, those upon which a client could be forgotten. */
const TOLD_REFUSALS = ['400 invalid_client', '401 invalid_client', '401 unauthorized_client']
const TOLD_BODIES = ['an endless body', 'no answer']

function isTold(place: string, answer: string): boolean {
  if (answer in REFUSALS) return TOLD_REFUSALS.includes(answer)
  return !(answer in BODIES) || place === 'metadata' || TOLD_BODIES.includes(answer)
}

/** One place at a time, and what is worse together; the random ones know no such choice. */
export const LIES: readonly Lie[] = [
  ...Object.entries(MENUS).flatMap(([place, menu]) =>
    Object.keys(menu)
      .filter((answer) => isTold(place, answer))
      .map((answer) => ({ [place]: answer })),
  ),
  // The client that the evil server named is refused, by itself and by the victim.
  { register: "the victim's client id", token: '401 invalid_client' },
  { register: "the victim's client id, public", token: '400 invalid_client' },
  { register: "the victim's client id", authorize: '400 invalid_client' },
  { register: "the victim's client id", introspect: '401 invalid_client' },
  { register: "the victim's client id", metadata: "the victim's token endpoint" },
  { register: "the victim's client id, public", metadata: "the victim's token endpoint" },
  { register: "the victim's client id", metadata: "the victim's authorization endpoint" },
  { register: "the victim's client id", metadata: "the victim's endpoints with additions" },
  { register: "the victim's client id", metadata: "the victim's introspection endpoint" },
  { metadata: "the victim's registration endpoint", token: '401 invalid_client' },
  {
    protectedResource: "the victim's authorization server",
    resource: 'always 401, with a refresh',
  },
  { protectedResource: "the victim's authorization server", resource: 'always 401, of the client' },
]

export function titleOf(lie: Lie): string {
  return Object.entries(lie)
    .map(([place, answer]) => `${place}: ${answer}`)
    .join('; ')
}

/** The evil server gets back what it has told. */
const A_USERS_TOKEN = "a user's access token"

/** Has the fleet meet the lie in every way that it meets a server, first in one process, then in the other. */
export async function meet(world: World, lie: Lie): Promise<void> {
  const { evil, honest } = world
  const client = await world.registered()
  const { accessToken } = await world.tokenOf('base:0xa11ce')
  const victim = { issuer: honest.issuer, client, accessToken }
  const behaviour = Object.entries(lie).map(([place, answer]) => {
    const make = MENUS[place as keyof Behaviour][answer]
    if (make === undefined) throw new TypeError(`no answer ${answer} at ${place}`)
    return [place, make(evil, victim)]
  })
  evil.behave(Object.fromEntries(behaviour))
  const untouched = { told: lie.token === A_USERS_TOKEN ? [accessToken] : [] }
  for (const process of [0, 1]) {
    const meetings = [
      () => world.visit(evil.resource, 'base:0xa11ce', process),
      () => world.visit(evil.resource, 'base:0xb0b', process),
      () => world.introspect(evil.origin, process),
      () => world.authorize(evil.resource, 'base:0xa11ce', process),
      ...rawRequests(world, client.clientId, process),
    ]
    for (const meeting of meetings) {
      // What it comes to is the evil server's to say.
      await Promise.race([meeting().catch(() => undefined), evil.hangs()])
      await world.expectUntouched(untouched)
      evil.hangUp()
    }
  }
  await world.expectUntouched(untouched)
}

/** Requests that no client of the SDK's makes, but that a server can bring one to make: with the victim's client id. */
function rawRequests(world: World, clientId: string, process: number): (() => Promise<unknown>)[] {
  const { evil, honest } = world
  const fetch = world.database(process).coordinatedFetch()
  const query = new URLSearchParams({ response_type: 'code', client_id: clientId })
  const form = (members: Record<string, string>) => ({
    method: 'POST',
    body: new URLSearchParams({ client_id: clientId, ...members }),
  })
  const code = { grant_type: 'authorization_code', code: 'evil', client_secret: 'wrong' }
  const refresh = { grant_type: 'refresh_token', refresh_token: 'evil', client_secret: 'wrong' }
  return [
    () => fetch(`${evil.origin}/.well-known/oauth-authorization-server`),
    () => fetch(`${evil.resource}?${query}`),
    () => fetch(`${evil.origin}/authorize?${query}`),
    ...[evil.origin, honest.issuer].flatMap((origin) => [
      () => fetch(`${origin}/token`, form(code)),
      () => fetch(`${origin}/token`, form(refresh)),
      () => fetch(`${origin}/introspect`, form({ token: 'evil', client_secret: 'wrong' })),
    ]),
  ]
}
