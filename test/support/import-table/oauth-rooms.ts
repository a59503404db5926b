import { leavesFrom, type Row, room, type, value } from './rows.js'

const oauthRooms = ['http', 'trust', 'places', 'refresh', 'registration', 'session']
const oauth = room('oauth', ['flight', 'record'])
oauth.allowed.push(...oauthRooms.map((name) => value(`./${name}/probe.js`)))

/** A room inside of `oauth/`. */
function oauthRoom(name: string, below: string[]): Row {
  const others = oauthRooms.filter((other) => other !== name && !below.includes(other))
  return {
    file: `src/oauth/${name}/probe.ts`,
    allowed: [
      value('./neighbour.js'),
      ...leavesFrom('../../').map(value),
      value('../../flight/lease.js'),
      value('../../record/keys.js'),
      ...below.map((other) => value(`../${other}/probe.js`)),
    ],
    refused: [
      ...others.map((other) => value(`../${other}/probe.js`)),
      value('../coordinated-fetch.js'),
      value('../../redis/connect.js'),
      value('../../store/probe.js'),
      value('../../index.js'),
      value('..'),
      value('ioredis'),
      type('@atxp/common'),
    ],
  }
}

export const oauthTable: Row[] = [
  oauth,
  oauthRoom('http', []),
  oauthRoom('trust', ['http']),
  oauthRoom('places', ['http', 'trust']),
  oauthRoom('refresh', ['http', 'trust', 'places']),
  oauthRoom('registration', ['http', 'trust']),
  oauthRoom('session', ['http', 'trust', 'places', 'refresh']),
]
