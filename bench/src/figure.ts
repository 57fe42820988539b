/** What a run prints: figures with their targets. */
export interface Figure {
  readonly bench: string
  readonly figure: string
  readonly value: number
  readonly unit: string
  readonly target: string
  readonly ok: boolean
}

export interface Bound {
  readonly least?: number
  readonly most?: number
}

const round = (value: number): number => (value >= 100 ? Math.round(value) : Math.round(value * 100) / 100)

export const figure = (
  name: string,
  measured: number,
  unit: string,
  bound: Bound = {},
  bench = 'guarded-call',
): Figure => {
  const value = round(measured)
  const target =
    bound.least !== undefined ? `>= ${bound.least}` : bound.most !== undefined ? `<= ${bound.most}` : 'none'
  const ok = value >= (bound.least ?? -Infinity) && value <= (bound.most ?? Infinity)
  return { bench, figure: name, value, unit, target, ok }
}
