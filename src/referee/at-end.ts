const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const ends = new Set<() => void>()

function endAll(): void {
  for (const end of [...ends]) end()
}

/** Where others listen for the signal, it is for them to say what it means. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  endAll()
  stopListening()
  process.kill(process.pid, signal)
}

function stopListening(): void {
  process.removeListener('exit', endAll)
  for (const signal of SIGNALS) process.removeListener(signal, onSignal)
}

/**
 * Has `end` called when this process ends, also by a signal. What is in a process group of its own hears nothing of a Ctrl-C.
 * @returns takes it back
 */
export function atEnd(end: () => void): () => void {
  if (ends.size === 0) {
    process.on('exit', endAll)
    for (const signal of SIGNALS) process.on(signal, onSignal)
  }
  ends.add(end)
  return () => {
    ends.delete(end)
    if (ends.size === 0) stopListening()
  }
}
