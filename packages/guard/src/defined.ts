type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Only the members that are there: a record has no `undefined`. */
export const defined = <T extends object>(members: T): Defined<T> => {
  const present: Defined<T> = {}
  for (const key in members) {
    const value = members[key]
    if (value !== undefined) present[key] = value as Exclude<T[typeof key], undefined>
  }
  return present
}
