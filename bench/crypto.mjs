import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { runScript } from '../scripts/run-script.mjs'
import { printTimes } from './load/operation-times.mjs'

const USAGE = `node bench/crypto.mjs      what encryption costs for each record, without Redis

It measures the dist that is there (npm run build), or the one of BUILT.`

function main() {
  const built = process.env.BUILT ?? join(import.meta.dirname, '../dist')
  const require = createRequire(import.meta.url)
  const load = (name) => require(join(built, 'crypto', `${name}.js`))
  const { compact, restore } = load('compaction')
  const { Envelope } = load('envelope')
  const { createKeyring } = load('keyring')
  const { createNameHash } = load('name-hash')
  const { RecordSealer } = load('record-sealer')

  const keys = [{ id: 'k1', key: randomBytes(32) }]
  const context = {
    kind: 'access',
    redisKey:
      'atxp:oauth:~access:{base:0x71C7656EC7ab88b098defB751B7401B5f6d8976F}:https://mcp.example.com/',
  }
  const part = (characters) => randomBytes(characters).toString('base64url').slice(0, characters)
  const record = JSON.stringify({
    accessToken: `${part(36)}.${part(419)}.${part(342)}`,
    refreshToken: part(64),
    expiresAt: 1_764_000_000_000,
    resourceUrl: 'https://mcp.example.com/mcp',
  })

  const envelope = new Envelope(createKeyring(keys))
  const sealer = new RecordSealer({ keys, memoBytes: 0 })
  const hot = new RecordSealer({ keys })
  const nameHash = createNameHash({ key: randomBytes(32) })
  const plaintext = randomBytes(900)
  const compacted = compact(record)
  const envelopeOf900 = envelope.seal(plaintext, context)
  const sealed = sealer.seal(record, context)
  const hotSealed = hot.seal(record, context)
  let name = 0

  const operations = {
    'seal, 900 bytes': () => envelope.seal(plaintext, context),
    'open, 900 bytes': () => envelope.open(envelopeOf900, context),
    compact: () => compact(record),
    restore: () => restore(compacted),
    'seal a record': () => sealer.seal(record, context),
    'open a record': () => sealer.open(sealed, context),
    'open it again': () => hot.open(hotSealed, context),
    'hash a new name': () => nameHash(`user_${name++}`),
    'hash a known name': () => nameHash('user'),
  }

  console.log(
    `Node ${process.version}; record ${record.length} characters, sealed ${sealed.length} bytes`,
  )
  printTimes(operations)
}

await runScript({ usage: USAGE, main })
