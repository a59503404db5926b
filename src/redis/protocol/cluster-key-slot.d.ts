// The package has no types before 1.1.2, and ioredis installs 1.1.1.
declare module 'cluster-key-slot' {
  function calculateSlot(key: string | Buffer): number
  export = calculateSlot
}
