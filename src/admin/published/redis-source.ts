import type { Composition } from '../../database/composition.js'
import { KeySpace } from '../../record/keys.js'
import { type PublishedLayout, rowOf } from '../../record/published.js'
import { partsOf } from './names.js'
import type { PublishedEntry } from './source.js'

/** What a Redis holds in one layout, a step of a scan at a time. */
export async function* entriesInRedis(
  { commands }: Pick<Composition, 'commands'>,
  prefix: string,
  layout: PublishedLayout,
): AsyncGenerator<PublishedEntry[], void, undefined> {
  const { prefix: start, pattern } = new KeySpace(`${prefix}${layout}:`)
  for await (const found of commands.scan(pattern)) {
    const keys = found.filter((key) => key.startsWith(start))
    const [values, expiries] = await Promise.all([
      commands.getAllBuffers(keys),
      Promise.all(keys.map((key) => commands.expiry(key))),
    ])
    yield keys.flatMap((key, at) => {
      const value = values[at]
      // It is gone by now.
      if (value == null) return []
      const names = partsOf(layout, key.slice(start.length))
      return [{ key, names, row: rowOf(layout, value.toString()), expiresAt: expiries[at] ?? null }]
    })
  }
}
