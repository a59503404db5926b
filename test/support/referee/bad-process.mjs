// What a referee may meet in place of a client: `node bad-process.mjs WAY`. Writes its id, and those of its children, to $PIDS.
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [way] = process.argv.slice(2)
const note = (pid) => appendFileSync(process.env.PIDS, `${pid}\n`)
const print = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)
const garbage = () =>
  process.stdout.write('{"id":1}\nnull\n[]\n{"id":\n\u0000\n{"id":"1","answer":{}}\n')

note(process.pid)
// It stays, whatever is closed or asked.
setInterval(() => undefined, 1_000)
process.on('SIGTERM', () => undefined)
process.on('SIGINT', () => undefined)

/** What happens at a call. */
const ways = {
  'never answers': garbage,
  'answers as somebody else': (id) => print({ id, answer: 'nobody at /mcp' }),
  'answers twice, and calls of others': (id) => {
    garbage()
    print({ id: id + 1, answer: 'not asked yet' })
    print({ id, error: 'no' })
    print({ id, answer: 'yes' })
  },
  'dies with a secret on its lips': () => {
    process.stderr.write('refresh-secret-17 is no more\n', () => process.exit(3))
  },
  'asks for a login elsewhere': (id) => print({ id, login: 'http://login.example/authorize' }),
  'asks for a login at no URL': (id) => print({ id, login: 'here' }),
  'prints a line without end': () => {
    const write = () => process.stdout.write('x'.repeat(50_000), write)
    write()
  },
}

if (way === 'leaves a child behind') note(spawn('sleep', ['1000']).pid)
if (way === 'is never ready') setInterval(garbage, 10)
else if (way === 'dies at once') process.exit(4)
else print({ ready: true })

for await (const line of createInterface({ input: process.stdin })) {
  const { id } = JSON.parse(line)
  const behave = ways[way] ?? ways['answers as somebody else']
  behave(id)
}
