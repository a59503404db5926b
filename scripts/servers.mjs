import { existsSync } from 'node:fs'
import { run } from './command.mjs'
import { fetchServer, serverPath } from './debian.mjs'
import { runScript, wordsAmong } from './run-script.mjs'
import { dim, green, print, yellow } from './terminal.mjs'

/** What Debian's suites had when this was written. They move on: what a suite has is what is printed. */
const SUITES = [
  { name: 'bookworm', suite: 'bookworm', program: 'redis-server', had: 'Redis 7.0' },
  { name: 'trixie-redis', suite: 'trixie', program: 'redis-server', had: 'Redis 8.0' },
  { name: 'trixie-valkey', suite: 'trixie', program: 'valkey-server', had: 'Valkey 8.1' },
  { name: 'sid-redis', suite: 'sid', program: 'redis-server', had: 'Redis 8.0' },
  { name: 'sid-valkey', suite: 'sid', program: 'valkey-server', had: 'Valkey 9.1' },
  { name: 'bullseye', suite: 'bullseye', program: 'redis-server', had: 'Redis 6.0' },
]

const USAGE = `node scripts/servers.mjs                    fetches the servers of Debian's suites into .cache/servers
node scripts/servers.mjs sid-valkey         only the named ones
node scripts/servers.mjs --renew            also those that are there

It installs nothing and needs no root. It prints what it found and where: REDIS_SERVER_BIN takes that path.

${SUITES.map(({ name, had }) => `  ${name.padEnd(16)}${had} when this was written`).join('\n')}`

async function main({ renew }, names) {
  const known = SUITES.map(({ name }) => name)
  const chosen = wordsAmong(known, names.length === 0 ? known : names, 'server')
  for (const { name, suite, program } of SUITES.filter(({ name }) => chosen.includes(name))) {
    try {
      const path = serverPath(name, program)
      if (renew || !existsSync(path)) await fetchServer(name, program, suite)
      print(`${green('✓')} ${name.padEnd(16)}${(await versionOf(path)).padEnd(16)}${dim(path)}`)
    } catch (error) {
      print(`${yellow('–')} ${name.padEnd(16)}skipped: ${error.message.trim().split('\n').at(-1)}`)
    }
  }
}

/** As it says itself: "Redis 8.0.2", "Valkey 9.1.2". */
async function versionOf(path) {
  const { output } = await run(path, ['--version'])
  const [, name, version] = /^(\w+) server v=(\S+)/i.exec(output.trim()) ?? []
  if (version === undefined) throw new Error(`it does not start: ${output.trim()}`)
  return `${name} ${version}`
}

await runScript({
  usage: USAGE,
  options: { renew: { type: 'boolean', default: false } },
  allowPositionals: true,
  main,
})
