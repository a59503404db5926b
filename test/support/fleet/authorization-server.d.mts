import type { AuthorizationServer } from '../../../src/referee/servers/authorization-server.js'

export type { AuthorizationServer }
export function startAuthorizationServer(): Promise<AuthorizationServer>
