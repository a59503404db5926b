// Threads of one process, each with a database of its own. The last one is ended while it calls.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { RedisOAuthDatabase } from '@atxp/redis'

const open = (keyPrefix) => new RedisOAuthDatabase({ url: process.env.REDIS_URL, keyPrefix })

if (isMainThread) {
  const keyPrefix = `threads:${process.pid}:`
  const threads = [1, 2, 3].map((number) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { keyPrefix, number } })
    const stored = new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    return { worker, stored, ended }
  })
  await Promise.all(threads.map(({ stored }) => stored))
  await threads[2].worker.terminate()
  await Promise.all(threads.map(({ ended }) => ended))
  const db = open(keyPrefix)
  const tokens = await db.getTokens(['1', '2', '3'])
  await db.close()
  console.log(JSON.stringify({ tokens: [...tokens.values()] }))
} else {
  const { keyPrefix, number } = workerData
  const db = open(keyPrefix)
  await db.storeToken(String(number), `of thread ${number}`)
  parentPort.postMessage('stored')
  while (number === 3) await db.getToken('3')
  await db.close()
}
