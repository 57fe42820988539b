/** Which subtrees a proof consists of. Pure; where their hashes come from is somebody else's business. */

/** The entries from `begin` up to, not including, `end`. */
export type Range = readonly [begin: number, end: number]

/** RFC 9162 section 2.1.1: `k` is the largest power of two smaller than `n`. */
export const splitPoint = (n: number): number => {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** RFC 9162 section 2.1.3.1: PATH(m, D_n), from the leaf up. */
export const inclusionRanges = (index: number, treeSize: number): Range[] => {
  const path: Range[] = []
  let begin = 0
  let end = treeSize
  while (end - begin > 1) {
    const middle = begin + splitPoint(end - begin)
    if (index < middle) {
      path.push([middle, end])
      end = middle
    } else {
      path.push([begin, middle])
      begin = middle
    }
  }
  return path.reverse()
}

/** RFC 9162 section 2.1.4.1: SUBPROOF(m, D_n, true). Empty when `from` is 0 or `to`. */
export const consistencyRanges = (from: number, to: number): Range[] => {
  if (from === 0 || from === to) return []
  const path: Range[] = []
  let begin = 0
  let end = to
  let complete = true
  while (from !== end) {
    const middle = begin + splitPoint(end - begin)
    if (from <= middle) {
      path.push([middle, end])
      end = middle
    } else {
      path.push([begin, middle])
      begin = middle
      complete = false
    }
  }
  if (!complete) path.push([begin, end])
  return path.reverse()
}
