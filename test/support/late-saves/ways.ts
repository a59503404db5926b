/** Says which of so many ways is taken, from 0 on. */
export type Choose = (ways: number) => number

/** Has `run` go every way that its choices allow. How many there are. */
export async function inEveryWay(run: (choose: Choose) => Promise<void>): Promise<number> {
  let taken: { readonly way: number; readonly of: number }[] = []
  for (let runs = 1; ; runs += 1) {
    let depth = 0
    await run((of) => {
      taken[depth] ??= { way: 0, of }
      const choice = taken[depth]
      depth += 1
      return choice?.way ?? 0
    })
    // The next way differs from this one as late as it can.
    let last = taken.length - 1
    while (last >= 0 && taken[last]?.way === (taken[last]?.of ?? 0) - 1) last -= 1
    const choice = taken[last]
    if (choice === undefined) return runs
    taken = [...taken.slice(0, last), { ...choice, way: choice.way + 1 }]
  }
}
