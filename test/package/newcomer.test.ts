import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { saidBy } from '../support/newcomer/not-built.js'
import { startWorld } from '../support/newcomer/world.mjs'
import { OwnedProcess } from '../support/processes/owned-process.js'
import { freePort } from '../support/servers/free-port.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { runIn } from './scratch.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const FENCE = /^```(sh|js)\n([\s\S]*?)^```$/gm
/** npm tells of its own newer versions otherwise. */
const QUIET = { npm_config_update_notifier: 'false' }

/** The blocks under "Install" and "Use", which a reader copies in this order. */
const [, steps = ''] =
  /^## Install\n([\s\S]*?)^## Guarantees/m.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
const blocks = [...steps.matchAll(FENCE)].map(([, language = '', text = '']) => ({
  language,
  text,
}))

let redis: RedisServer
let world: Awaited<ReturnType<typeof startWorld>>
let directory: string
let addresses: [written: string, here: string][]
const servers: OwnedProcess[] = []

beforeAll(async () => {
  redis = await startRedis()
  world = await startWorld()
  directory = await mkdtemp(join(tmpdir(), 'atxp-redis-newcomer-'))
  addresses = [
    ['redis://localhost:6379', redis.url],
    ['3000', String(await freePort())],
    ['3001', String(await freePort())],
  ]
})

afterAll(async () => {
  for (const server of servers) await server.kill()
  await world?.stop()
  await redis?.stop()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

const here = (text: string): string =>
  addresses.reduce((all, [written, address]) => all.replaceAll(written, address), text)

/** Does what a block says, and gives what it printed. */
async function follow({ language, text }: (typeof blocks)[number]): Promise<string> {
  if (language === 'js') {
    const [, name] = /^\/\/ (\S+\.mjs)\n/.exec(text) ?? []
    if (name === undefined)
      throw new Error(`a block of the README does not name its file:\n${text}`)
    await writeFile(join(directory, name), here(text))
    return ''
  }
  let printed = ''
  for (const line of here(text).trimEnd().split('\n')) printed += await execute(line)
  return printed
}

async function execute(line: string): Promise<string> {
  const [, packages] = /^npm install (.*)$/.exec(line) ?? []
  if (packages !== undefined) return install(packages.split(' '))
  const [, background] = /^(.*) &$/.exec(line) ?? []
  if (background !== undefined) return start(background)
  const { code, stdout, stderr } = await runIn(directory, 'bash', ['-c', line], {
    ...world.env,
    ...QUIET,
  })
  expect({ line, code, stderr: saidBy(stderr) }).toEqual({
    line,
    code: 0,
    stderr: '',
  })
  return stdout
}

/** This package as npm would publish it; others are those that this repository has. */
async function install(names: string[]): Promise<string> {
  for (const name of names) {
    if (name === '@atxp/redis') {
      const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', inject('tarball')]
      const { code, stderr } = await runIn(directory, 'npm', args, QUIET)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    } else {
      const link = join(directory, 'node_modules', name)
      await mkdir(dirname(link), { recursive: true })
      await symlink(join(root, 'node_modules', name), link)
    }
  }
  return ''
}

async function start(line: string): Promise<string> {
  const { PATH = '', HOME = '' } = process.env
  const env = { PATH, HOME, ...world.env }
  const server = new OwnedProcess(
    spawn('bash', ['-c', `exec env ${line}`], { cwd: directory, env }),
  )
  servers.push(server)
  return ''
}

const get = (url: string) => fetch(url, { redirect: 'manual' })

test('the README leads from an empty folder to two processes that share a session', async () => {
  let printed = ''
  for (const block of blocks) printed += await follow(block)
  const promised = [...steps.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm)].map(([, line]) => line)
  // The ATXP client logs as well, and its program runs twice.
  const lines = printed.trimEnd().split('\n')
  const ours = lines.filter((line) => !line.startsWith('[atxp] '))
  expect(ours).toEqual([...promised, promised.at(-1)])
  const { authorizationServer } = world
  expect(authorizationServer.counters()).toMatchObject({ registrations: 1, authorizations: 1 })

  const [first, second] = ['http://localhost:3000', 'http://localhost:3001'].map(here) as [
    string,
    string,
  ]
  for (const address of [first, second]) {
    await eventually(async () => (await get(`${address}/favicon.ico`)).status === 404, {
      withinMs: 20_000,
    })
  }
  const sent = await get(first)
  expect(sent.status).toBe(302)
  const callback = await world.agreeAt(sent.headers.get('location') ?? '', 'user_123')
  expect(callback.origin).toBe(first)
  const back = await get(`${second}/callback${callback.search}`)
  expect([back.status, back.headers.get('location')]).toEqual([302, '/'])

  const answers = () =>
    Promise.all([first, second, first, second].map(async (url) => (await get(url)).text()))
  const four = ['whoami', 'whoami', 'whoami', 'whoami']
  expect(await answers()).toEqual(four)
  authorizationServer.expireAccessTokens()
  expect(await answers()).toEqual(four)
  expect(authorizationServer.counters()).toMatchObject({ refreshes: 1, familiesRevoked: 0 })

  await expectSealed()
  for (const server of servers) {
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(server.output).toBe('')
  }
})

/** That whoever reads Redis finds no token. */
async function expectSealed(): Promise<void> {
  const keys = (await redis.cli('KEYS', '*~access*')) as string[]
  expect(keys).toHaveLength(2)
  for (const key of keys) expect(await redis.cli('GET', key)).not.toContain('oken')
}
