// Compiled, never run: holds the classes against the interfaces of the SDK.
import { type OAuthDb, OAuthResourceClient, type OAuthResourceDb } from '@atxp/common'
import { type ConformanceCase, oauthDbConformance } from '../../src/conformance.js'
import type { RedisOAuthDatabase } from '../../src/index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Fails to compile unless its type argument is `true`; a type that decayed to `any` is not. */
function holds<_T extends true>(): void {}

/** Of one method after the other: assigning a whole object would let looser arguments and results pass. `close` takes options. */
type SameMethods<Contract, Class extends Contract> = {
  [K in Exclude<keyof Contract, 'close'>]: Same<Contract[K], Class[K]>
}[Exclude<keyof Contract, 'close'>]

holds<SameMethods<OAuthDb, RedisOAuthDatabase>>()
holds<SameMethods<OAuthResourceDb, RedisOAuthDatabase>>()
holds<SameMethods<OAuthDb, ReturnType<RedisOAuthDatabase['forResourceServer']>>>()

export function takesTheDatabase(db: RedisOAuthDatabase): OAuthDb {
  new OAuthResourceClient({ db, clientName: 'a server' })
  new OAuthResourceClient({ db: db.forResourceServer(), clientName: 'a server' })
  // @ts-expect-error a promise of a database is none
  new OAuthResourceClient({ db: Promise.resolve(db), clientName: 'a server' })
  return db
}

export async function misuse(db: RedisOAuthDatabase): Promise<void> {
  const token = await db.getAccessToken('user', 'url')
  // @ts-expect-error it may be null
  token.accessToken
  // @ts-expect-error a record needs its resource URL
  await db.saveAccessToken('user', 'url', { accessToken: 'access' })
  // @ts-expect-error an expiry is a number
  await db.saveAccessToken('user', 'url', { accessToken: 'a', resourceUrl: '', expiresAt: 'soon' })
  const [listed] = await db.listAccessTokens('user')
  // @ts-expect-error a list has no secrets
  listed?.accessToken
  // @ts-expect-error the SDK knows no such method
  const contract: Pick<OAuthDb, 'deleteUser'> = db
  void contract
}

export function suite(db: RedisOAuthDatabase): ConformanceCase[] {
  // @ts-expect-error it takes a function, so that each case has a handle of its own
  oauthDbConformance(db)
  // @ts-expect-error names are strings
  oauthDbConformance(() => db, { except: [1] })
  return [
    ...oauthDbConformance(() => db),
    ...oauthDbConformance(async () => db, { except: ['returns an access token without expiry'] }),
    ...oauthDbConformance(() => db.forResourceServer(), {}),
  ]
}
