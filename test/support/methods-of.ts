/** The names of the methods of a class, those that it inherits included. */
export function methodsOf({ prototype }: { prototype: object }): string[] {
  const names = new Set<string>()
  for (let one = prototype; one !== Object.prototype; one = Object.getPrototypeOf(one)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(one))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name)
    }
  }
  return [...names]
}
