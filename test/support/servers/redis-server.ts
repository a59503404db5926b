import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { eventually } from '../eventually.js'
import { makeDirectory, removeDirectory } from '../processes/lifeline.js'
import { OwnedProcess } from '../processes/owned-process.js'
import { certificates, type ServerCertificateName } from './certificates.js'
import { freePort } from './free-port.js'

const HOST = '127.0.0.1'
const READY_WITHIN_MS = 10_000
/** A user of every server who may do everything, for the tests themselves. */
export const ADMIN = { username: 'test-admin', password: 'test-admin-password' }

/** The binary that the tests run: `REDIS_SERVER_BIN`, else `redis-server` on the PATH. */
export const REDIS_SERVER_BIN: string = process.env.REDIS_SERVER_BIN ?? 'redis-server'

let version: readonly number[] | undefined

function versionOfServer(): readonly number[] {
  if (version === undefined) {
    const said = spawnSync(REDIS_SERVER_BIN, ['--version'], { encoding: 'utf8' }).stdout
    version = (/v=([\d.]+)/.exec(said)?.[1] ?? '').split('.').map(Number)
  }
  return version
}

/** The first number of the binary's version. */
export function redisMajor(): number {
  return versionOfServer()[0] as number
}

/** Whether it is older than the oldest that the library takes. */
export function isTooOld(): boolean {
  const [major = 0, minor = 0] = versionOfServer()
  return major < 6 || (major === 6 && minor < 2)
}

/** Has a server load 500 keys a second. */
export const SLOW_LOADING: Record<string, string> = {
  'key-load-delay': '2000',
  ...(redisMajor() >= 7
    ? { 'loading-process-events-interval-bytes': '1024' }
    : { rdbcompression: 'no' }),
}

/** Restarts a server of `SLOW_LOADING` with its data and so many keys more, and comes back while it loads and answers `LOADING`. */
export async function loadSlowly(server: RedisServer, keys: number): Promise<void> {
  // Redis 6.2 looks at its sockets after each two megabytes only.
  const bytes = redisMajor() >= 7 ? 100 : 50_000
  const pairs = Array.from({ length: keys }, (_, i) => [`filler:${i}`, 'x'.repeat(bytes)])
  await server.cli('MSET', ...pairs.flat())
  await server.restart({ keepData: true, until: 'listening' })
}

export interface RedisUser {
  name: string
  password: string
  /** What the user may do: `'~a:* &a:* +get +set'`. */
  rule: string
}

export interface RedisServerOptions {
  /** The password of the user `default`; without it that user needs none. */
  requirepass?: string
  users?: RedisUser[]
  /** Lines of redis.conf; they win over what the other options say. */
  config?: Record<string, string>
  /** TLS instead of plain TCP, with this certificate (`true` is `'server'`). A client may show its own or none. */
  tls?: boolean | ServerCertificateName
  /** No TCP port at all, only `path`. */
  unixsocket?: boolean
  databases?: number
  appendonly?: boolean
  /** Run as a Sentinel; these lines stand in its configuration. */
  sentinel?: string[]
}

export interface RestartOptions {
  /** Whether what the server has on disk is loaded again. A running server saves first. */
  keepData: boolean
  /**
   * `'listening'` comes back while the server still loads and answers `LOADING`. Loading is slow enough to see with
   * `loadSlowly`.
   */
  until?: 'loaded' | 'listening'
}

type CommandArgument = string | number | Buffer

/** Starts a real server of its own on a free loopback port, and comes back when it answers. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  for (;;) {
    const server = new RedisServer(await freePort(), options)
    try {
      await server.start('loaded')
      return server
    } catch (error) {
      await server.stop()
      // Another process was faster at the port.
      if (!String(error).includes('Address already in use')) throw error
    }
  }
}

export class RedisServer {
  readonly host: string = HOST
  readonly port: number
  readonly dir: string = makeDirectory()
  /** The Unix socket, which every server has. `cli` goes through it, past TLS, proxies and a full network. */
  readonly path: string = join(this.dir, 'redis.sock')
  /** With the password of the user `default`, if it has one. */
  readonly url: string
  #options: RedisServerOptions
  #process: OwnedProcess | undefined
  #admin: Redis | undefined

  constructor(port: number, options: RedisServerOptions) {
    this.port = port
    this.#options = options
    const { requirepass, tls, unixsocket } = options
    const userinfo = requirepass === undefined ? '' : `:${encodeURIComponent(requirepass)}@`
    const scheme = tls ? 'rediss' : 'redis'
    this.url = unixsocket
      ? `unix://${userinfo}${this.path}`
      : `${scheme}://${userinfo}${HOST}:${port}`
  }

  get pid(): number {
    return this.#running.pid
  }

  get running(): boolean {
    return this.#process?.running ?? false
  }

  /** What the server logged. */
  get output(): string {
    return this.#process?.output ?? ''
  }

  /** Sends one command as a user who may do everything. It counts as a client by the name `test-admin`. */
  async cli<T = unknown>(command: string, ...args: CommandArgument[]): Promise<T> {
    if (this.#admin === undefined || this.#admin.status === 'end') {
      this.#admin = this.#connect()
      await this.#admin.connect()
    }
    return (await this.#admin.call(command, ...args)) as T
  }

  async start(until: 'loaded' | 'listening'): Promise<void> {
    const file = await this.#writeConfiguration()
    const args = this.#options.sentinel === undefined ? [file] : [file, '--sentinel']
    const process = new OwnedProcess(spawn(REDIS_SERVER_BIN, args, { cwd: this.dir }))
    this.#process = process
    const died = process.exited.then((): never => {
      throw new Error(`redis-server ended before it was ready:\n${process.output}`)
    })
    await Promise.race([died, this.#answers(until)])
  }

  /** Ends the server at once and removes all that it left. */
  async stop(): Promise<void> {
    await this.kill()
    removeDirectory(this.dir)
  }

  /** Ends the process by a signal and waits until it has ended. What it has on disk stays for `restart`. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#process?.kill(signal)
    this.#admin?.disconnect()
    this.#admin = undefined
  }

  /** Freezes the server (SIGSTOP): it accepts connections, as the kernel does that for it, and answers nothing. */
  pause(): void {
    this.#running.pause()
  }

  resume(): void {
    this.#running.resume()
  }

  /** Starts the server again on the same port, whether it still runs or not. */
  async restart({ keepData, until = 'loaded' }: RestartOptions): Promise<void> {
    if (this.running) {
      this.resume()
      // The reply to SHUTDOWN is the end of the connection.
      if (keepData) await this.cli('SHUTDOWN', 'SAVE').catch(() => undefined)
      await this.kill()
    }
    if (!keepData) {
      for (const name of ['dump.rdb', 'appendonlydir', 'appendonly.aof']) {
        rmSync(join(this.dir, name), { recursive: true, force: true })
      }
    }
    await this.start(until)
  }

  get #running(): OwnedProcess {
    if (this.#process === undefined) throw new Error('the server was not started')
    return this.#process
  }

  #connect(): Redis {
    const admin = new Redis({
      path: this.path,
      ...ADMIN,
      connectionName: ADMIN.username,
      lazyConnect: true,
      enableReadyCheck: false,
      commandTimeout: READY_WITHIN_MS,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    })
    // A killed server ends this connection; the next command opens another.
    admin.on('error', () => undefined)
    return admin
  }

  async #answers(until: 'loaded' | 'listening'): Promise<void> {
    const answer = async (): Promise<boolean> => {
      if (!this.running) return true
      try {
        return (await this.cli('PING')) === 'PONG'
      } catch (error) {
        if (until === 'listening' && String(error).includes('LOADING')) return true
        throw error
      }
    }
    await eventually(answer, { withinMs: READY_WITHIN_MS }).catch((error: unknown) => {
      throw new Error(`redis-server is not ready: ${String(error)}\n${this.output}`)
    })
  }

  async #writeConfiguration(): Promise<string> {
    const { requirepass, users = [], unixsocket, databases, appendonly, sentinel } = this.#options
    const aclFile = join(this.dir, 'users.acl')
    const defaultPassword = requirepass === undefined ? 'nopass' : passwordHash(requirepass)
    // Redis 6.0 has no rights for channels.
    const everything = isTooOld() ? '~* +@all' : '~* &* +@all'
    const acl = [
      `default on ${defaultPassword} ${everything}`,
      `${ADMIN.username} on ${passwordHash(ADMIN.password)} ${everything}`,
      ...users.map(({ name, password, rule }) => `${name} on ${passwordHash(password)} ${rule}`),
    ]
    writeFileSync(aclFile, acl.map((rule) => `user ${rule}\n`).join(''))

    const config: Record<string, string> = {
      bind: HOST,
      port: unixsocket ? '0' : String(this.port),
      unixsocket: this.path,
      dir: this.dir,
      aclfile: aclFile,
      ...(sentinel === undefined && { save: '', 'repl-diskless-sync-delay': '0' }),
      ...(requirepass !== undefined && { masterauth: JSON.stringify(requirepass) }),
      ...(databases !== undefined && { databases: String(databases) }),
      ...(appendonly && { appendonly: 'yes' }),
      ...(await this.#tlsConfiguration()),
      ...this.#options.config,
    }
    const file = join(this.dir, 'redis.conf')
    const lines = Object.entries(config).map(([name, value]) => `${name} ${value || '""'}`)
    writeFileSync(file, [...lines, ...(sentinel ?? []), ''].join('\n'))
    return file
  }

  async #tlsConfiguration(): Promise<Record<string, string>> {
    const { tls } = this.#options
    if (!tls) return {}
    const { ca, ...made } = await certificates()
    const { certFile, keyFile } = made[tls === true ? 'server' : tls]
    return {
      port: '0',
      'tls-port': String(this.port),
      'tls-cert-file': certFile,
      'tls-key-file': keyFile,
      'tls-ca-cert-file': ca.certFile,
      'tls-auth-clients': 'optional',
      'tls-replication': 'yes',
      'tls-cluster': 'yes',
    }
  }
}

function passwordHash(password: string): string {
  return `#${createHash('sha256').update(password).digest('hex')}`
}
