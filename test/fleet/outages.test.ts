import { describe, expect } from 'vitest'
import { MARK, RELEASE } from '../../src/redis/scripts.js'
import { eventually } from '../support/eventually.js'
import { lasts } from '../support/faults/duration.js'
import type { Member, Outage } from '../support/outages/outage.js'
import { outageTest } from '../support/outages/outage-test.js'

/** A call that begins so long before the end of an outage sees nothing of it: its own command is answered in time. */
const LATE_MS = 600

/** Peers that notice nothing of the hang call in its last moment, and again until they are answered. */
async function hangFor(outage: Outage, ms: number): Promise<void> {
  const { redis, peers } = outage
  const { answer, call } = await outage.midRefresh()
  redis.pause()
  answer()
  await lasts(ms - LATE_MS)
  const late = outage.callAll(peers)
  await lasts(LATE_MS)
  redis.resume()
  await Promise.all([call, late])
  await outage.recover()
  await outage.expectUnharmed()
}

/** The network of these is gone without a word, and each connection that was used meanwhile stays dead. */
async function loseNetworkOf(outage: Outage, members: Member[], ms: number): Promise<void> {
  const { answer, call } = await outage.midRefresh()
  for (const { proxy } of members) proxy.halfOpen()
  answer()
  const early = outage.callAll(outage.peers)
  await lasts(ms)
  for (const { proxy } of members) proxy.resume()
  await Promise.all([call, early])
  await outage.recover()
  await outage.expectUnharmed()
}

const expectAnswered = (ends: string[]) => expect(new Set(ends)).toEqual(new Set(['ok']))

describe.concurrent('no spent token is sent and no pair is lost', () => {
  for (const ms of [4_000, 5_000, 6_000]) {
    outageTest(
      `Redis hangs for ${ms} ms during a refresh, and peers call late in the hang`,
      (outage) => hangFor(outage, ms),
    )
  }

  for (const how of ['hung', 'gone']) {
    outageTest(
      `processes first connect after 6 s in which Redis was ${how}`,
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
        expectAnswered(await outage.callAll(newcomers))
        await call
        await outage.recover()
        await outage.expectUnharmed()
      },
      { peers: 1 },
    )
  }

  outageTest('Redis is away for 6 s, and the authorization server needs 12', async (outage) => {
    const { redis } = outage
    const { answer, call } = await outage.midRefresh('before')
    await redis.kill()
    await lasts(6_000)
    await redis.restart({ keepData: true })
    const waiting = outage.callAll(outage.peers)
    await lasts(6_000)
    answer()
    expectAnswered([await call, ...(await waiting)])
    await outage.expectUnharmed()
  })

  for (const ms of [5_600, 6_000, 6_500]) {
    outageTest(`the packets of all are lost for ${ms} ms`, (outage) =>
      loseNetworkOf(outage, outage.members, ms),
    )
  }

  outageTest(
    'the network of the refresher comes back later than that of the others',
    async (outage) => {
      const { answer, call } = await outage.midRefresh()
      for (const { proxy } of outage.members) proxy.stall()
      answer()
      await lasts(5_500)
      for (const { proxy } of outage.peers) proxy.resume()
      const waiting = outage.callAll(outage.peers)
      // The kernel waits longer before each attempt to send again.
      await lasts(3_500)
      outage.refresher.proxy.resume()
      await Promise.all([call, waiting])
      await outage.recover()
      await outage.expectUnharmed()
    },
  )

  for (const ms of [6_500, 9_500]) {
    outageTest(`only the refresher loses Redis, for ${ms} ms`, (outage) =>
      loseNetworkOf(outage, [outage.refresher], ms),
    )
  }

  for (const commandTimeout of [10_000, 2_000]) {
    outageTest(
      `one socket of a process with a commandTimeout of 10 s is half-open, and others have ${commandTimeout} ms`,
      async (outage) => {
        const { refresher, peers } = outage
        await refresher.process.call('close')
        const { host, port } = refresher.proxy
        await refresher.process.call('open', { host, port, commandTimeout: 10_000 })
        const { answer, call } = await outage.midRefresh()
        refresher.proxy.halfOpen()
        answer()
        const waiting = outage.callAll(peers)
        await eventually(() => outage.authorizationServer.counters().refreshes === 1)
        await lasts(1_000)
        // The socket that has lost bytes is dead; the next one is well.
        refresher.proxy.resume()
        expectAnswered(await waiting)
        await call
        await outage.recover()
        await outage.expectUnharmed()
      },
      { database: { commandTimeout } },
    )
  }

  outageTest(
    'the event loop of the refresher is blocked for 6 s right before it sends',
    async (outage) => {
      const { refresher, peers, members } = outage
      await Promise.all(members.map((member) => member.read()))
      await refresher.process.call('blockNextRequest', 6_000)
      const call = refresher.call()
      await outage.marked()
      expectAnswered([...(await outage.callAll(peers)), await call])
      await outage.expectUnharmed()
    },
  )

  outageTest('the refresher stands still for 6 s with its mark on the way', async (outage) => {
    const { refresher, peers, members } = outage
    await Promise.all(members.map((member) => member.read()))
    const marking = outage.onItsWay(MARK, true, () => refresher.process.pause())
    const call = refresher.call()
    await marking
    const waiting = outage.callAll(peers)
    await lasts(6_000)
    refresher.process.resume()
    expectAnswered([await call, ...(await waiting)])
    await outage.expectUnharmed()
  })

  outageTest('the refresher stands still for 6 s after the server has acted', async (outage) => {
    const { refresher, peers } = outage
    const { answer, call } = await outage.midRefresh()
    refresher.process.pause()
    answer()
    const waiting = outage.callAll(peers)
    await lasts(6_000)
    refresher.process.resume()
    expectAnswered([await call, ...(await waiting)])
    await outage.expectUnharmed()
  })

  outageTest('a process that waits stands still for 6 s', async (outage) => {
    const [waiting, ...others] = outage.peers as [Member, ...Member[]]
    const { answer, call } = await outage.midRefresh()
    const stalled = outage.callAll([waiting])
    const answered = outage.callAll(others)
    await outage.peersWait()
    waiting.process.pause()
    answer()
    expectAnswered([await call, ...(await answered)])
    await lasts(6_000)
    waiting.process.resume()
    expectAnswered(await stalled)
    await outage.expectUnharmed()
  })
})

describe.concurrent('a process dies, and no session is lost', () => {
  outageTest('a process that waits is killed', async (outage) => {
    const [waiting, ...others] = outage.peers as [Member, ...Member[]]
    const { answer, call } = await outage.midRefresh()
    const killed = waiting.call()
    const answered = outage.callAll(others)
    await outage.peersWait()
    await waiting.process.kill()
    answer()
    expect(await killed).toBe('killed')
    expectAnswered([await call, ...(await answered)])
    await outage.expectUnharmed()
  })

  outageTest('the refresher is killed with the lease taken, before it marks', async (outage) => {
    const { refresher, peers, members } = outage
    await Promise.all(members.map((member) => member.read()))
    const marking = outage.onItsWay(MARK, false, () => refresher.process.kill())
    const call = refresher.call()
    await marking
    expectAnswered(await outage.callAll(peers))
    expect(await call).toBe('killed')
    await outage.expectUnharmed()
  })

  outageTest('the refresher is killed with the token marked, before it sends', async (outage) => {
    const { refresher, peers, members } = outage
    await Promise.all(members.map((member) => member.read()))
    await refresher.process.call('blockNextRequest', 60_000)
    const call = refresher.call()
    await outage.marked()
    await refresher.process.kill()
    expectAnswered(await outage.callAll(peers))
    expect(await call).toBe('killed')
    await outage.expectUnharmed()
  })

  outageTest('the refresher is killed with the new pair saved', async (outage) => {
    const { refresher, peers } = outage
    const { answer, call } = await outage.midRefresh()
    const releasing = outage.onItsWay(RELEASE, false, () => refresher.process.kill())
    const waiting = outage.callAll(peers)
    await outage.peersWait()
    answer()
    await releasing
    expect(await call).toBe('killed')
    expectAnswered(await waiting)
    await outage.expectUnharmed()
  })
})
