// A preload: from here on this process' clock is off by CLOCK_SHIFT_MS.
const shiftMs = Number(process.env.CLOCK_SHIFT_MS)
const RealDate = Date

globalThis.Date = /** @type {DateConstructor} */ (
  new Proxy(RealDate, {
    construct(target, args, newTarget) {
      const given = args.length === 0 ? [target.now() + shiftMs] : args
      return Reflect.construct(target, given, newTarget)
    },
    get(target, name) {
      return name === 'now' ? () => target.now() + shiftMs : Reflect.get(target, name)
    },
  })
)
