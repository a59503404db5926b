import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * Finds out work that waits for itself: a call for work, from within work of that name. Only for callers' own work, since on
 * older versions of Node following calls costs every promise a little.
 */
export class Reentrance {
  // Made by the first call, so that who makes none pays nothing.
  #names: AsyncLocalStorage<readonly string[]> | undefined

  /** @throws TypeError from within work of that name */
  refuse(name: string): void {
    if (!this.#names?.getStore()?.includes(name)) return
    throw new TypeError(
      'name must not be the name of the work from which this is called: it would wait for itself',
    )
  }

  within<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#names ??= new AsyncLocalStorage()
    return this.#names.run([...(this.#names.getStore() ?? []), name], work)
  }
}
