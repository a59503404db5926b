import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'
import { CHANNELS } from '../../../src/index.js'

/** What a channel tells from now on until the test is over. */
export function listenTo<Event>(channel: keyof typeof CHANNELS): Event[] {
  const heard: Event[] = []
  const note = (event: unknown): void => void heard.push(event as Event)
  subscribe(CHANNELS[channel], note)
  onTestFinished(() => void unsubscribe(CHANNELS[channel], note))
  return heard
}
