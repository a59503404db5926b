import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../support/eventually.js'
import { OwnedProcess } from '../../support/processes/owned-process.js'
import { startServer } from '../../support/scene.js'
import { freePort } from '../../support/servers/free-port.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const [, block = ''] =
  /^```js node-18\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, 'docs/runbooks.md'), 'utf8')) ??
  []

test('the shutdown of docs/runbooks.md ends a process that has an open stream', async () => {
  const redis = await startServer()
  const port = await freePort()
  // Inside the project, so that `@atxp/redis` is found by its own name.
  const directory = join(root, `.cache/shutdown-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'server.mjs')
  // As pasted, but for the port and the patience.
  writeFileSync(file, block.replace('3000', String(port)).replace('5_000', '100'))
  const { PATH = '' } = process.env
  const env = { PATH, REDIS_URL: redis.url }
  const server = new OwnedProcess(spawn(process.execPath, [file], { env }))
  onTestFinished(() => server.kill().then(() => undefined))
  const stream = await eventually(() => fetch(`http://127.0.0.1:${port}`))
  const reader = stream.body?.getReader()
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(': open\n\n')
  const ended = expect(reader?.read()).rejects.toThrow()
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null })
  await ended
  expect(server.output).toBe('')
})
