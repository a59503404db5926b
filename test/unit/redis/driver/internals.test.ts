import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const src = fileURLToPath(new URL('../../../../src', import.meta.url))

/** What ioredis does not document and may change in any version. Compare with `driver/internals/`. */
const PRIVATE = new RegExp(
  [
    /\bconnectionEpoch\b/,
    /\bisTraced\b/,
    /\binitPromise\b/,
    /\bsetReplyContext\b/,
    /\breconnectTimeout\b/,
    /\.condition\b/,
    /\bmessageBuffer\b/,
    /\brefreshSlotsCache\b/,
    /\.slots\[/,
    /\bgetSlot\b/,
    /'node error', error/,
    /\b(client|cluster|node|copy|command)\.(connect|disconnect|duplicate|reject|sendCommand) = /,
    /\.(connect|disconnect|duplicate|sendCommand)\.(bind|call)/,
    /\b(commandQueue|offlineQueue|connectionPool|retryAttempts|manuallyClosing)\b/,
    /\boptions\.(username|password|host|port) = |assign\((client\.)?options|delete options\./,
    /ioredis\/built/,
    /\.stream\b|\{ stream \}/,
    /\bsentinelIterator\b/,
    /\bconnectToSentinel\b/,
    /\bhandleReconnection\b/,
    /\brawListeners\b/,
    /\bresetCommandQueue\b/,
    /Command queue state/,
    /unreachable|timed out\//,
  ]
    .map(({ source }) => source)
    .join('|'),
)

it('the private parts of ioredis are known to one room', () => {
  const rooms = ['address', 'changes', 'connection', 'driver', 'driver/internals', 'link', '']
  const files = rooms.flatMap((room) =>
    readdirSync(join(src, 'redis', room))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join('redis', room, file)),
  )
  const users = files.flatMap((file) =>
    readFileSync(join(src, file), 'utf8')
      .split('\n')
      .filter((line) => PRIVATE.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  )
  const others = users.filter((line) => !line.startsWith('redis/driver/internals/'))
  expect(others).toEqual([])
  expect(users.length).toBeGreaterThan(others.length)
})
