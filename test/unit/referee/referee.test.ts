import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { authorize } from '../../../src/referee/browser.js'
import { hideSecrets, secretsIn } from '../../../src/referee/secrets.js'
import {
  formatReport,
  type RefereeOptions,
  runReferee,
  type ScenarioResult,
} from '../../../src/referee.js'
import { eventually } from '../../support/eventually.js'

const result: ScenarioResult = {
  name: 'expiry met by all',
  registrations: 1,
  logins: 1,
  refreshes: 1,
  spentTokens: 0,
  familiesRevoked: 0,
  callsLost: 0,
  callsMade: 24,
  problems: [],
  passed: true,
  tookMs: 1,
}

describe('a report', () => {
  it('is a Markdown table with what is wrong below it', () => {
    const bad = {
      ...result,
      name: 'cold start' as const,
      logins: 8,
      passed: false,
      problems: ['logins: 8, not 1'],
    }
    expect(
      formatReport({ processes: 8, passed: false, scenarios: [bad, result] }),
    ).toMatchInlineSnapshot(`
      "| Scenario          | Registrations | Logins | Refreshes | Spent tokens sent | Families revoked | Calls lost | Result |
      | ----------------- | ------------: | -----: | --------: | ----------------: | ---------------: | ---------: | -----: |
      | cold start        |             1 |      8 |         1 |                 0 |                0 |    0 of 24 | failed |
      | expiry met by all |             1 |      1 |         1 |                 0 |                0 |    0 of 24 | passed |

      - cold start: logins: 8, not 1"
    `)
  })

  it('is the table alone where nothing is wrong', () => {
    expect(formatReport({ processes: 8, passed: true, scenarios: [result] })).toMatch(/passed \|$/)
  })
})

describe('runReferee', () => {
  it.each([
    [{ command: [] }, /options\.command/],
    [{ command: 'node client.mjs' as never }, /options\.command/],
    [{ command: ['node', 1] as never }, /options\.command/],
    [{ processes: 1 }, /options\.processes must be a whole number from 2 to 256/],
    [{ processes: 257 }, /options\.processes/],
    [{ processes: Number.NaN }, /options\.processes/],
    [{ timeoutMs: 0 }, /options\.timeoutMs/],
    [{ timeoutMs: Number.POSITIVE_INFINITY }, /options\.timeoutMs/],
    // Node's timers would fire at once.
    [{ timeoutMs: 2 ** 31 }, /options\.timeoutMs/],
    // None would all pass.
    [{ scenarios: [] }, /options\.scenarios must be an array of names/],
    [{ scenarios: 'cold start' as never }, /options\.scenarios must be an array of names/],
    [
      { scenarios: ['coldstart'] as never },
      /options\.scenarios has "coldstart"\. There are: cold start, /,
    ],
  ] satisfies [Partial<RefereeOptions>, RegExp][])('refuses %j', async (options, message) => {
    const running = runReferee({ command: ['node'], ...options })
    await expect(running).rejects.toThrow(TypeError)
    await expect(running).rejects.toThrow(message)
  })
})

it('a run leaves no server behind where its folder cannot be made', async () => {
  const { getActiveResourcesInfo } = process as unknown as { getActiveResourcesInfo(): string[] }
  const servers = () => getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length
  const before = servers()
  const { TMPDIR } = process.env
  process.env.TMPDIR = join(tmpdir(), 'no', 'such', 'folder')
  try {
    await expect(runReferee({ command: ['node'] })).rejects.toThrow('ENOENT')
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  }
  await eventually(() => servers() === before)
})

it('the browser is done with an answer whose body never ends', async () => {
  let closed: () => void = () => undefined
  const gone = new Promise<void>((resolve) => {
    closed = resolve
  })
  const server = createServer((_, response) => {
    response.writeHead(302, { location: 'http://127.0.0.1/callback?code=1' })
    const drip = setInterval(() => response.write('.'), 5)
    response.on('close', () => {
      clearInterval(drip)
      closed()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  expect(await authorize(`http://127.0.0.1:${port}/authorize`)).toMatch(/code=1$/)
  await gone
  server.close()
})

describe('secrets of the referee', () => {
  it('are found, and taken out of what is shown', () => {
    const text = 'Bearer access-secret-12 with client-secret-3, client-secret-3 of client-3'
    expect(secretsIn(text)).toEqual(['access-secret-12', 'client-secret-3'])
    expect(hideSecrets(text)).toBe('Bearer [secret] with [secret], [secret] of client-3')
  })
})
