export type * from './conformance.js'
export { oauthDbConformance } from './conformance.js'
