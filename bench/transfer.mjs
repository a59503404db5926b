// How fast a million records go out as NDJSON and in again, and in how much memory.
import { execFile } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from '../scripts/cleanup.mjs'
import { installRedis } from '../scripts/install.mjs'
import { startPrivateRedis } from '../scripts/private-redis.mjs'
import { numberAbove0, runScript } from '../scripts/run-script.mjs'

const USAGE = `node bench/transfer.mjs      how fast records are exported and imported

  --records 100000   half of them tokens, half access tokens of as many users (1000000)

Each step is a process of its own, so its memory is that of the step alone. It uses the dist that is there: npm run build. Run it
on a quiet machine.`

const load = createRequire(import.meta.url)
const STEP = 'TRANSFER_STEP'
const URL_OF_RECORD = 'https://mcp.example.com/mcp'
const RECORD = {
  accessToken: 'a'.repeat(800),
  refreshToken: 'r'.repeat(64),
  resourceUrl: URL_OF_RECORD,
}
const AT_ONCE = 2_000

const steps = {
  async fill({ db }, count) {
    for (let from = 0; from < count / 2; from += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count / 2 - from) }, (_, i) => from + i)
      await Promise.all(
        some.flatMap((i) => [
          db.storeToken(`user_${i}`, RECORD.accessToken, new Date(4e12 + i)),
          db.saveAccessToken(`user_${i}`, URL_OF_RECORD, RECORD),
        ]),
      )
    }
  },
  async export({ db, admin, file }) {
    await pipeline(admin.exportRecords(db), createWriteStream(file))
  },
  async import({ other, admin, file }) {
    return admin.importRecords(other, createReadStream(file))
  },
  async again({ other, admin, file }) {
    return admin.importRecords(other, createReadStream(file))
  },
}

/** In a process of its own. */
async function runStep({ name, url, key, file, count }) {
  const { RedisOAuthDatabase } = load('../dist/index.js')
  const admin = load('../dist/admin.js')
  const encryption = { keys: [{ id: 'k', key }] }
  // Measured is how fast it is, and not how patient.
  const options = { url, encryption, commandTimeout: 60_000 }
  const db = new RedisOAuthDatabase({ ...options, keyPrefix: 'from:' })
  const other = new RedisOAuthDatabase({ ...options, keyPrefix: 'to:', db: 1 })
  const started = performance.now()
  const result = await steps[name]({ db, other, admin, file }, count)
  const ms = performance.now() - started
  await Promise.all([db.close(), other.close()])
  // In kilobytes, the most that it ever was.
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
  const cpuMs = (userCPUTime + systemCPUTime) / 1_000
  process.stdout.write(JSON.stringify({ ms, cpuMs, megabytes: maxRSS / 1_024, result }))
}

async function measure({ records = '1000000' }) {
  const count = numberAbove0('--records', records)
  const directory = await temporaryFolder()
  const { url } = await startPrivateRedis(await installRedis())
  const key = load('node:crypto').randomBytes(32).toString('base64')
  const setup = { url, key, file: join(directory, 'records.ndjson'), count }
  for (const name of Object.keys(steps)) {
    const env = { ...process.env, [STEP]: JSON.stringify({ name, ...setup }) }
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [fileURLToPath(import.meta.url)],
      { env },
    )
    const { ms, cpuMs, megabytes, result } = JSON.parse(stdout)
    const rate = Math.round((count / ms) * 1_000)
    const size = name === 'export' ? `, ${Math.round((await stat(setup.file)).size / 1e6)} MB` : ''
    console.log(
      `${name}: ${(ms / 1_000).toFixed(1)} s, ${rate}/s, ${(cpuMs / 1_000).toFixed(1)} s of CPU, at most ${Math.round(megabytes)} MB of memory${size}`,
      result ? JSON.stringify(result) : '',
    )
  }
}

const step = process.env[STEP]
if (step) await runStep(JSON.parse(step))
else await runScript({ usage: USAGE, options: { records: { type: 'string' } }, main: measure })
