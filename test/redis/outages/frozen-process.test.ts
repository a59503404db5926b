import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../support/eventually.js'
import type { FaultProxy } from '../../support/network/fault-proxy.js'
import { startProcesses, type TestProcess } from '../../support/processes/processes.js'
import { openDatabase, startProxy, startServer } from '../../support/scene.js'

// As a function of a cloud that is frozen between its calls.

const ENTRY = fileURLToPath(new URL('../../support/connection/reader-process.mjs', import.meta.url))
const STORED = { token: 'one' }

let proxy: FaultProxy
let reader: TestProcess

beforeEach(async () => {
  const server = await startServer()
  await openDatabase({ host: server.host, port: server.port }).storeToken('a', STORED.token)
  proxy = await startProxy(server)
  reader = (await startProcesses({ entry: ENTRY, count: 1 }))[0] as TestProcess
  const { host, port } = proxy
  await reader.call('open', { host, port, commandTimeout: 1_000, retryDelayOnFailover: 20 })
  expect(await reader.call('read', 'a')).toEqual(STORED)
})

afterEach(() => reader.kill())

describe('a process that was frozen', () => {
  it('calls over a new connection where the other end has closed the old one', async () => {
    reader.pause()
    proxy.cut()
    await eventually(() => proxy.connections === 0)
    reader.resume()
    expect(await reader.call('read', 'a')).toEqual(STORED)
  })

  it('fails at commandTimeout where the other end is silent, and then finds a new connection', async () => {
    reader.pause()
    // What is sent from now on vanishes, and the connection stays dead.
    proxy.halfOpen()
    reader.resume()
    const first = reader.call('read', 'a')
    expect(await first).toEqual({ code: 'TIMEOUT' })
    proxy.resume()
    await eventually(async () => {
      expect(await reader.call('read', 'a')).toEqual(STORED)
    })
  })
})
