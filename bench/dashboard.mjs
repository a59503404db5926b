// Draws the panels of examples/grafana/dashboard.json from a real run: reads, refreshes by two clients of one session, and faults.
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { cleanUpLater } from '../scripts/cleanup.mjs'
import { installRedis } from '../scripts/install.mjs'
import { startPrivateRedis } from '../scripts/private-redis.mjs'
import { runScript } from '../scripts/run-script.mjs'
import { plotDashboard } from './dashboard/plot.mjs'
import { evaluate, parse } from './dashboard/promql.mjs'

const USAGE = `node bench/dashboard.mjs      plays half a minute of faults and prints what the panels show at its end

  --write          draws docs/images/dashboard.svg

It tests the dist that is there: npm run build.`

const DASHBOARD = fileURLToPath(new URL('../examples/grafana/dashboard.json', import.meta.url))
const PICTURE = fileURLToPath(new URL('../docs/images/dashboard.svg', import.meta.url))
const load = (name) => createRequire(import.meta.url)(`../dist/${name}.js`)

const SECONDS = 30
const SAMPLE_MS = 500
/** How far back a rate looks, in samples. */
const WINDOW = 4
const URL_OF_SESSION = 'https://mcp.example.com/mcp'
const TOKEN_ENDPOINT = 'https://auth.example.com/token'
const USER = 'base:0x1'

async function main({ write }) {
  const { prometheusText, startMetrics } = load('metrics')
  const { panels, title } = JSON.parse(await readFile(DASHBOARD, 'utf8'))
  const redis = await startPrivateRedis(await installRedis())
  startMetrics()
  const scene = await Scene.begin(redis)
  const samples = []
  const begin = performance.now()
  const elapsed = () => (performance.now() - begin) / 1_000
  while (elapsed() < SECONDS) {
    await scene.at(elapsed())
    samples.push({ at: elapsed(), all: parse(prometheusText()) })
    await pause(SAMPLE_MS)
  }
  await scene.end()
  const shown = panels.map((panel) => seriesOf(panel, samples))
  for (const { title: name, series } of shown) {
    console.log(
      `${name}: ${series.map(({ name: one, points }) => `${one} ${points.at(-1)[1].toPrecision(3)}`).join(', ')}`,
    )
  }
  if (!write) return
  const caption = `${title}: Redis hangs (6 s), the authorization server fails (14 s), connections are cut (23 s)`
  await writeFile(PICTURE, plotDashboard(caption, withoutSilence(shown), SECONDS))
}

/** What each target of a panel shows over time, by its legend. */
function seriesOf({ title, targets, fieldConfig }, samples) {
  const series = new Map()
  for (let index = WINDOW; index < samples.length; index += 1) {
    const [now, before] = [samples[index], samples[index - WINDOW]]
    for (const { expr, legendFormat } of targets) {
      for (const [label, value] of evaluate(expr, now.all, before.all, now.at - before.at)) {
        const name = legendFormat.replace(/\{\{\w+\}\}/, label)
        series.set(name, [...(series.get(name) ?? []), [now.at, value]])
      }
    }
  }
  const all = [...series].map(([name, points]) => ({ name, points }))
  const { unit } = fieldConfig.defaults
  return { title, unit, series: all }
}

/** Nobody would see at the bottom what never happened. */
function withoutSilence(panels) {
  const told = panels.map(({ series, ...panel }) => ({
    ...panel,
    series: series.filter(({ points }) => points.some(([, value]) => value > 0)),
  }))
  return told.filter(({ series }) => series.length > 0)
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

class Scene {
  #databases = []
  #loops = []
  #isOver = false
  #fails = false
  #played = new Set()
  #redis
  #admin

  static async begin(redis) {
    const scene = new Scene()
    scene.#redis = redis
    scene.#admin = new Redis(redis.url)
    scene.#admin.on('error', () => {})
    cleanUpLater(() => scene.#admin.disconnect())
    const { RedisOAuthDatabase } = load('index')
    const options = { url: redis.url, commandTimeout: 1_000 }
    const [one, other] = [new RedisOAuthDatabase(options), new RedisOAuthDatabase(options)]
    const cached = new RedisOAuthDatabase({ ...options, cache: true })
    const encryption = { keys: [{ id: 'k1', key: randomBytes(32) }] }
    const encrypted = new RedisOAuthDatabase({ ...options, keyPrefix: 'encrypted:', encryption })
    scene.#databases.push(one, other, cached, encrypted)
    scene.#repeat(20, () => encrypted.storeToken(USER, 'token'))
    await one.saveAccessToken(USER, URL_OF_SESSION, token(0))
    for (let i = 0; i < 16; i += 1) {
      const user = `base:0x${i}`
      scene.#repeat(5, () => one.getAccessToken(user, URL_OF_SESSION))
      scene.#repeat(2, () => cached.getAccessToken(user, URL_OF_SESSION))
      scene.#repeat(40, () => one.storeToken(user, 'token'))
    }
    for (const db of [one, other]) {
      const fetch = db.coordinatedFetch(async () => scene.#answer())
      scene.#repeat(120, () => refresh(db, fetch))
    }
    return scene
  }

  /** Does what is due by then. */
  async at(seconds) {
    const acts = [
      [6, () => process.kill(this.#redis.pid, 'SIGSTOP')],
      [9, () => process.kill(this.#redis.pid, 'SIGCONT')],
      [
        14,
        () => {
          this.#fails = true
        },
      ],
      [
        18,
        () => {
          this.#fails = false
        },
      ],
      [
        23,
        () => this.#admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes').catch(() => {}),
      ],
    ]
    for (const [due, act] of acts) {
      if (seconds < due || this.#played.has(due)) continue
      this.#played.add(due)
      await act()
    }
  }

  async end() {
    this.#isOver = true
    await Promise.all(this.#loops)
    await Promise.all(this.#databases.map((db) => db.close()))
    this.#admin.disconnect()
  }

  #repeat(everyMs, act) {
    const loop = async () => {
      while (!this.#isOver) {
        await act().catch(() => {})
        await pause(everyMs * (0.5 + Math.random()))
      }
    }
    this.#loops.push(loop())
  }

  /** Of an authorization server. */
  async #answer() {
    await pause(20)
    if (this.#fails) return Response.json({}, { status: 503 })
    const { accessToken, refreshToken } = token(performance.now())
    const body = {
      access_token: accessToken,
      refresh_token: refreshToken,
      token_type: 'Bearer',
      expires_in: 1,
    }
    return Response.json(body)
  }
}

const token = (number) => ({
  accessToken: `access ${number}`,
  refreshToken: `refresh ${number}`,
  resourceUrl: URL_OF_SESSION,
  expiresAt: Date.now() - 1,
})

async function refresh(db, fetch) {
  const read = await db.getAccessToken(USER, URL_OF_SESSION)
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: read.refreshToken,
    client_id: 'client',
  })
  await fetch(TOKEN_ENDPOINT, { method: 'POST', body })
}

await runScript({
  usage: USAGE,
  options: { write: { type: 'boolean', default: false } },
  main,
})
