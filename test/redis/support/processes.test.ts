import { afterEach, describe, expect, it } from 'vitest'
import {
  type ProcessesOptions,
  startProcesses,
  type TestProcess,
} from '../../support/processes/processes.js'

describe('processes', () => {
  const started: TestProcess[] = []

  afterEach(async () => {
    await Promise.all(started.splice(0).map((each) => each.kill()))
  })

  async function start(options: Partial<ProcessesOptions> = {}): Promise<TestProcess> {
    const processes = await startProcesses({
      entry: 'test/support/processes/echo-process.mjs',
      ...options,
    })
    started.push(...processes)
    return processes[0] as TestProcess
  }

  it('are as many as told, each its own', async () => {
    await start({ count: 3 })
    const pids = await Promise.all(started.map((each) => each.call<number>('pid')))
    expect(pids).toEqual(started.map(({ pid }) => pid))
    expect(new Set([...pids, process.pid]).size).toBe(4)
  })

  it('take and give structured values', async () => {
    const values = [new Date(5), undefined, new Map([['a', 1n]]), new Uint8Array([1])]
    expect(await (await start()).call('echo', ...values)).toEqual(values)
  })

  it('answer calls that run at the same time, each by its own answer', async () => {
    const one = await start()
    const numbers = Array.from({ length: 50 }, (_, i) => i)
    const answers = await Promise.all(numbers.map((i) => one.call<number[]>('echo', i)))
    expect(answers.flat()).toEqual(numbers)
  })

  it('pass errors on with name, message and code', async () => {
    const error = { name: 'TypeError', message: 'on purpose', code: 'PURPOSE' }
    await expect((await start()).call('fail')).rejects.toMatchObject(error)
    await expect((await start()).call('nothing')).rejects.toThrow('answers no nothing')
  })

  it('see environment variables on top of ours', async () => {
    const one = await start({ env: { FROM_TEST: 'yes' } })
    expect(await one.call('env', 'FROM_TEST')).toBe('yes')
    expect(await one.call('env', 'PATH')).toBe(process.env.PATH)
  })

  it('fail the calls that are open when they end, and say what they said last', async () => {
    const one = await start()
    await expect(one.call('exit', 3)).rejects.toThrow(/ended \(3\)[\s\S]*last words/)
    await expect(one.call('pid')).rejects.toThrow()
    expect(await one.exited).toEqual({ code: 3, signal: null })
  })

  it('answer nothing while paused, and then all', async () => {
    const one = await start()
    one.pause()
    const answer = one.call('echo', 1)
    // Another process has answered meanwhile.
    await (await start()).call('echo', 2)
    expect(await Promise.race([answer, Promise.resolve('paused')])).toBe('paused')
    one.resume()
    expect(await answer).toEqual([1])
  })

  it('end when killed, even while paused', async () => {
    const one = await start()
    one.pause()
    expect(await one.kill()).toEqual({ code: null, signal: 'SIGKILL' })
  })

  it('end by themselves when finished, unless something keeps them alive', async () => {
    expect(await (await start()).finish()).toEqual({ code: 0, signal: null })
    const busy = await start()
    await busy.call('stayAlive')
    const finished = busy.finish()
    await (await start()).finish()
    expect(busy.running).toBe(true)
    await busy.kill()
    expect(await finished).toEqual({ code: null, signal: 'SIGKILL' })
  })

  it('need a Node that is there', async () => {
    await expect(start({ node: '/no/such/node' })).rejects.toThrow('cannot start /no/such/node')
  })

  it('that cannot start say why', async () => {
    await expect(start({ entry: 'test/support/no-such.mjs' })).rejects.toThrow('no-such.mjs')
  })
})
