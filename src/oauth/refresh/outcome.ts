import type { StoredToken } from '../../record/origin.js'
import type { Answer } from '../http/answers.js'
import type { Rest } from './rests.js'

/** What came of a refresh. */
export type Outcome =
  /** The record was renewed by another, or what it holds serves. */
  | { kind: 'renewed'; stored: StoredToken }
  /** The record was removed by another. */
  | { kind: 'gone' }
  /** What the authorization server answered, or what stands for it. */
  | { kind: 'answered'; answer: Answer }
  /** The authorization server refused the refresh token. */
  | { kind: 'refused'; answer: Answer }
  /** The authorization server is left in peace. */
  | { kind: 'resting'; rest: Rest }
