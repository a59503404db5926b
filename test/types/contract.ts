// Compiled, never run: holds the types that are written out in src/leaves/contract.ts against those of the SDK.
import type * as sdk from '@atxp/common'
import type * as own from '../../src/index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Fails to compile unless its type argument is `true`; a type that decayed to `any` is not. */
function holds<_T extends true>(): void {}

holds<Same<own.ClientCredentials, sdk.ClientCredentials>>()
holds<Same<own.PKCEValues, sdk.PKCEValues>>()
holds<Same<own.AccessToken, sdk.AccessToken>>()
holds<Same<own.FetchLike, sdk.FetchLike>>()
holds<Same<Pick<own.TokenData, keyof own.TokenData>, sdk.TokenData>>()

// Method by method: an interface that extends another is not identical to one that is written out.
holds<Same<keyof own.OAuthDb, keyof sdk.OAuthDb>>()
holds<{ [K in keyof sdk.OAuthDb]: Same<own.OAuthDb[K], sdk.OAuthDb[K]> }[keyof sdk.OAuthDb]>()

export function exchange(theirs: sdk.OAuthDb, ours: own.OAuthDb): [own.OAuthDb, sdk.OAuthDb] {
  return [theirs, ours]
}

/** Not the other way: the SDK's is a class with members of its own. */
export function writtenOut(theirs: sdk.OAuthResourceClient): own.ResourceClient {
  return theirs
}

export function exchangeFetch(
  theirs: sdk.FetchLike,
): [own.FetchLike, sdk.FetchLike, sdk.FetchLike] {
  const globals: own.FetchLike = fetch
  return [theirs, globals, fetch]
}
