import { driver, leavesFrom, type Row, room, type, value } from './rows.js'

const redisRooms = ['address', 'protocol', 'driver', 'connection', 'link', 'changes']

/** A room inside of `redis/`. Only `driver` loads ioredis; others import its types, but for those that need none. */
function redisRoom(name: string, below: string[]): Row {
  const others = redisRooms.filter((other) => other !== name && !below.includes(other))
  const [loadsDriver, typesDriver] = [name === 'driver', name !== 'address' && name !== 'protocol']
  return {
    file: `src/redis/${name}/probe.ts`,
    allowed: [
      value('./neighbour.js'),
      ...leavesFrom('../../').map(value),
      ...below.map((other) => value(`../${other}/probe.js`)),
      ...(loadsDriver ? [value('ioredis')] : []),
      ...(typesDriver ? [type('ioredis')] : []),
    ],
    refused: [
      ...others.map((other) => value(`../${other}/probe.js`)),
      value('../connect.js'),
      value('../../record/keys.js'),
      value('../../store/probe.js'),
      value('../../options/options.js'),
      value('../../index.js'),
      value('..'),
      ...(loadsDriver ? [] : [value('ioredis')]),
      ...(typesDriver ? [] : [type('ioredis')]),
      type('@atxp/common'),
    ],
  }
}

const redis = room('redis')
redis.allowed.push(type('ioredis'), ...redisRooms.map((name) => value(`./${name}/probe.js`)))
redis.refused = redis.refused.filter((line) => !line.includes('ioredis'))
const redisDriver: Row = { ...redis, file: 'src/redis/driver-probe.ts', allowed: [type('ioredis')] }
redisDriver.refused = [value('ioredis')]
const internals = redisRoom('driver/internals', [])
internals.allowed = [...driver, value('../../address/probe.js')]
internals.refused = ['../probe.js', '../../link/probe.js', '../../../errors.js', '..'].map(value)

export const redisTable: Row[] = [
  redis,
  redisDriver,
  redisRoom('address', []),
  redisRoom('protocol', []),
  redisRoom('driver', ['address', 'protocol']),
  internals,
  redisRoom('connection', ['driver', 'protocol']),
  redisRoom('link', ['address', 'driver', 'protocol', 'connection']),
  redisRoom('changes', ['driver', 'protocol']),
]
