import type { Cluster, Redis } from 'ioredis'
import { systemClock, within } from '../../leaves/clock.js'
import type { Layout } from '../connection/link.js'
import { codeOf } from '../driver/failure.js'
import { refreshSlots } from '../driver/internals/cluster.js'
import { SLOT_COUNT } from '../protocol/slot.js'

const LOOK_AGAIN_MS = 100

/**
 * Which master serves which slots, as each says of itself; undefined when it cannot be had within `limitMs`, as while a part
 * of the slots is not served. ioredis hears of a change only when a command is redirected, and a scan never is: so what it
 * knows is renewed until all slots are there.
 * @throws what a node says to a user who may not ask
 */
export async function layoutOf(cluster: Cluster, limitMs: number): Promise<Layout | undefined> {
  const deadline = performance.now() + limitMs
  const leftMs = (): number => Math.max(deadline - performance.now(), 0)
  for (;;) {
    const layout = new ClusterLayout(
      await Promise.all(cluster.nodes('master').map((node) => describe(node, leftMs()))),
    )
    if (layout.isWhole) return layout
    if (leftMs() === 0) return undefined
    await within(leftMs(), refreshSlots(cluster)).catch(() => {})
    await systemClock.sleep(Math.min(LOOK_AGAIN_MS, leftMs()))
  }
}

interface Description {
  readonly node: Redis
  /** Its id, and the columns on its slots. */
  readonly text: string
}

async function describe(node: Redis, limitMs: number): Promise<Description> {
  try {
    const nodes = (await within(limitMs, node.cluster('NODES'))) as string
    const self = nodes.split('\n').find((line) => line.includes('myself')) ?? ''
    // Behind the id, eight columns on the state of the links.
    const [id = '', ...columns] = self.split(' ')
    return { node, text: [id, ...columns.slice(7)].join(' ') }
  } catch (error) {
    if (codeOf(error) === 'PERMISSION_DENIED') throw error
    // It serves nothing now; that the slots are not all there tells.
    return { node, text: '' }
  }
}

class ClusterLayout implements Layout {
  readonly text: string
  readonly #served = new Set<number>()
  readonly nodes: readonly Redis[]

  constructor(descriptions: readonly Description[]) {
    this.text = descriptions
      .map(({ text }) => text)
      .sort()
      .join('\n')
    for (const { text } of descriptions) {
      let slots = 0
      for (const [, first = '', last = first] of text.matchAll(/ (\d+)(?:-(\d+))?(?= |$)/g)) {
        const end = Math.min(Number(last), SLOT_COUNT - 1)
        slots += Math.max(end - Number(first) + 1, 0)
        // No node serves a slot twice: what says so would be walked for minutes.
        if (slots > SLOT_COUNT) break
        for (let slot = Number(first); slot <= end; slot += 1) this.#served.add(slot)
      }
    }
    this.nodes = descriptions.map(({ node }) => node)
  }

  get isWhole(): boolean {
    return this.#served.size === SLOT_COUNT
  }

  /** A slot on its way stands in brackets. */
  get isMoving(): boolean {
    return this.text.includes('[')
  }
}
