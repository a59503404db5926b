import { runScript, wordsAmong } from './run-script.mjs'
import { SUITES, suiteServer } from './servers/suites.mjs'
import { dim, green, print, yellow } from './terminal.mjs'

const USAGE = `node scripts/servers.mjs                    fetches the servers of Debian's suites into .cache/servers
node scripts/servers.mjs sid-valkey         only the named ones
node scripts/servers.mjs --renew            also those that are there

It installs nothing and needs no root. It prints what it found and where: REDIS_SERVER_BIN takes that path.

${SUITES.map(({ name, had }) => `  ${name.padEnd(16)}${had} when this was written`).join('\n')}`

async function main({ renew }, names) {
  const known = SUITES.map(({ name }) => name)
  for (const name of wordsAmong(known, names.length === 0 ? known : names, 'server')) {
    const { path, version, reason } = await suiteServer(name, { renew })
    if (path === undefined) print(`${yellow('–')} ${name.padEnd(16)}skipped: ${reason}`)
    else print(`${green('✓')} ${name.padEnd(16)}${version.padEnd(16)}${dim(path)}`)
  }
}

await runScript({
  usage: USAGE,
  options: { renew: { type: 'boolean', default: false } },
  allowPositionals: true,
  main,
})
