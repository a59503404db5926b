// A script that judges processes which never answer, and does nothing about signals.
import { fileURLToPath } from 'node:url'
import { runReferee } from '../../../dist/referee.js'

const badProcess = fileURLToPath(new URL('./bad-process.mjs', import.meta.url))
await runReferee({
  command: [process.execPath, badProcess, 'never answers'],
  processes: 3,
  scenarios: ['cold start'],
})
