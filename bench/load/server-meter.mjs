/** What a server spends while it is measured. */
export class ServerMeter {
  #redis
  #beganAt = 0

  constructor(redis) {
    this.#redis = redis
  }

  async begin() {
    this.#beganAt = await this.#cpuSeconds()
  }

  /** Its CPU time for each of so many operations, and the memory that it has now. */
  async end(operations) {
    const seconds = (await this.#cpuSeconds()) - this.#beganAt
    return {
      serverMicros: (seconds * 1_000_000) / operations,
      serverBytes: await bytesUsedBy(this.#redis),
    }
  }

  async #cpuSeconds() {
    const cpu = await this.#redis.info('cpu')
    return ['sys', 'user']
      .map((part) => Number(new RegExp(`^used_cpu_${part}:([\\d.]+)`, 'm').exec(cpu)[1]))
      .reduce((sum, seconds) => sum + seconds)
  }
}

export async function bytesUsedBy(redis) {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))[1])
}
