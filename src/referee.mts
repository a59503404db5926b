export type * from './referee.js'
export { formatReport, runReferee } from './referee.js'
