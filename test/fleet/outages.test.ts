import { describe, expect, it } from 'vitest'
import { MARK } from '../../src/redis/scripts.js'
import { eventually } from '../support/eventually.js'
import { lasts } from '../support/faults/duration.js'
import { inOutage, type Member, type Outage } from '../support/outages/outage.js'

const TIMEOUT_MS = 120_000
/** A call that begins so long before the end of an outage sees nothing of it: its own command is answered in time. */
const LATE_MS = 600

/** Peers that notice nothing of the hang call in its last moment, and again until they are answered. */
async function hangFor(outage: Outage, ms: number): Promise<void> {
  const { redis, peers } = outage
  const { answer, call } = await outage.midRefresh()
  redis.pause()
  answer()
  await lasts(ms - LATE_MS)
  const late = peers.map((peer) => peer.call())
  await lasts(LATE_MS)
  redis.resume()
  await Promise.all([call, ...late])
  await outage.recover()
  await outage.expectUnharmed()
}

/** The network of these is gone without a word, and each connection that was used meanwhile stays dead. */
async function loseNetworkOf(outage: Outage, members: Member[], ms: number): Promise<void> {
  const { answer, call } = await outage.midRefresh()
  for (const { proxy } of members) proxy.halfOpen()
  answer()
  const early = outage.peers.map((peer) => peer.call())
  await lasts(ms)
  for (const { proxy } of members) proxy.resume()
  await Promise.all([call, ...early])
  await outage.recover()
  await outage.expectUnharmed()
}

describe.concurrent('no spent token is sent and no pair is lost', () => {
  it.each([4_000, 5_000, 6_000])(
    'when Redis hangs for %d ms during a refresh, and peers call late in the hang',
    (ms) => inOutage((outage) => hangFor(outage, ms)),
    TIMEOUT_MS,
  )

  it.each(['hung', 'gone'])(
    'when a process first connects after 6 s in which Redis was %s',
    (how) =>
      inOutage(
        async (outage) => {
          const { redis } = outage
          const { answer, call } = await outage.midRefresh()
          if (how === 'hung') redis.pause()
          else await redis.kill()
          answer()
          const newcomers = await Promise.all([outage.join(), outage.join()])
          await lasts(6_000)
          if (how === 'hung') redis.resume()
          else await redis.restart({ keepData: true })
          expect(await Promise.all(newcomers.map((newcomer) => newcomer.call()))).toEqual([
            'ok',
            'ok',
          ])
          await call
          await outage.recover()
          await outage.expectUnharmed()
        },
        { peers: 1 },
      ),
    TIMEOUT_MS,
  )

  it(
    'when Redis is away for 6 s, and the authorization server needs 12',
    () =>
      inOutage(async (outage) => {
        const { redis } = outage
        const { answer, call } = await outage.midRefresh('before')
        await redis.kill()
        await lasts(6_000)
        await redis.restart({ keepData: true })
        const waiting = outage.peers.map((peer) => peer.call())
        await lasts(6_000)
        answer()
        expect(await Promise.all([call, ...waiting])).toEqual(['ok', 'ok', 'ok'])
        await outage.expectUnharmed()
      }),
    TIMEOUT_MS,
  )

  it.each([5_600, 6_000, 6_500])(
    'when the packets of all are lost for %d ms',
    (ms) => inOutage((outage) => loseNetworkOf(outage, outage.members, ms)),
    TIMEOUT_MS,
  )

  it(
    'when the network of the refresher comes back later than that of the others',
    () =>
      inOutage(async (outage) => {
        const { answer, call } = await outage.midRefresh()
        for (const { proxy } of outage.members) proxy.stall()
        answer()
        await lasts(5_500)
        for (const { proxy } of outage.peers) proxy.resume()
        const waiting = outage.peers.map((peer) => peer.call())
        // The kernel waits longer before each attempt to send again.
        await lasts(3_500)
        outage.refresher.proxy.resume()
        await Promise.all([call, ...waiting])
        await outage.recover()
        await outage.expectUnharmed()
      }),
    TIMEOUT_MS,
  )

  it.each([6_500, 9_500])(
    'when only the refresher loses Redis, for %d ms',
    (ms) => inOutage((outage) => loseNetworkOf(outage, [outage.refresher], ms)),
    TIMEOUT_MS,
  )

  it.each([10_000, 2_000])(
    'when one socket of a process with a commandTimeout of 10 s is half-open, and others have %d ms',
    (commandTimeout) =>
      inOutage(
        async (outage) => {
          const { refresher, peers } = outage
          await refresher.process.call('close')
          const { host, port } = refresher.proxy
          await refresher.process.call('open', { host, port, commandTimeout: 10_000 })
          const { answer, call } = await outage.midRefresh()
          refresher.proxy.halfOpen()
          answer()
          const waiting = peers.map((peer) => peer.call())
          await eventually(() => outage.authorizationServer.counters().refreshes === 1)
          await lasts(1_000)
          // The socket that has lost bytes is dead; the next one is well.
          refresher.proxy.resume()
          expect((await Promise.all(waiting)).every((end) => end === 'ok')).toBe(true)
          await call
          await outage.recover()
          await outage.expectUnharmed()
        },
        { database: { commandTimeout } },
      ),
    TIMEOUT_MS,
  )

  it(
    'when the event loop of the refresher is blocked for 6 s right before it sends',
    () =>
      inOutage(async (outage) => {
        const { refresher, peers, members } = outage
        await Promise.all(members.map((member) => member.read()))
        await refresher.process.call('blockNextRequest', 6_000)
        const call = refresher.call()
        await eventually(
          async () => (await outage.redis.cli<string[]>('KEYS', '*spent:*')).length > 0,
        )
        expect(await Promise.all([call, ...peers.map((peer) => peer.call())])).toEqual([
          'ok',
          'ok',
          'ok',
        ])
        await outage.expectUnharmed()
      }),
    TIMEOUT_MS,
  )

  it(
    'when the refresher stands still for 6 s with its mark on the way',
    () =>
      inOutage(async (outage) => {
        const { refresher, peers, members } = outage
        await Promise.all(members.map((member) => member.read()))
        const marking = new Promise<void>((resolve) => {
          const { cancel } = refresher.proxy.dropRequests(([, script]) => {
            if (script === MARK) {
              cancel()
              refresher.process.pause()
              resolve()
            }
            return false
          })
        })
        const call = refresher.call()
        await marking
        const waiting = peers.map((peer) => peer.call())
        await lasts(6_000)
        refresher.process.resume()
        expect(await Promise.all([call, ...waiting])).toEqual(['ok', 'ok', 'ok'])
        await outage.expectUnharmed()
      }),
    TIMEOUT_MS,
  )
})
