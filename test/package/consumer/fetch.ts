import type { FetchLike, RedisOAuthDatabase } from '@atxp/redis'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function holds<_T extends true>(): void {}

holds<Same<FetchLike, (url: string | URL, init?: RequestInit) => Promise<Response>>>()

export async function useFetch(db: RedisOAuthDatabase): Promise<string | null> {
  const own: FetchLike = (url, init) => fetch(url, { ...init, redirect: 'error' })
  const coordinated: typeof own = db.coordinatedFetch(fetch)
  const { headers } = await db.coordinatedFetch(own)('https://auth.example/token', {
    method: 'POST',
  })
  await coordinated(new URL('https://auth.example/token'))
  // @ts-expect-error a status is a number
  const status: string = (await coordinated('https://auth.example/token')).status
  void status
  return headers.get('content-type')
}
