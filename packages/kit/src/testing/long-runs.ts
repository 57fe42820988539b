/**
 * How long a test runs: as usual in the test command, longer when `npm run fuzz` or `npm run soak` ask for it.
 * NOTE: reads the environment, which only tests may.
 */
const asked = (name: string): number | undefined => {
  const text = process.env[name]
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new TypeError(`${name} must be a whole number, not ${text}`)
  return number
}

/** Options for a fast-check property: its usual number of cases, or what was asked for, and the seed to repeat a run. */
export const cases = (usual: number): { readonly numRuns: number; readonly seed?: number } => {
  const seed = asked('CREDENCE_FUZZ_SEED')
  return { numRuns: asked('CREDENCE_FUZZ_CASES') ?? usual, ...(seed === undefined ? {} : { seed }) }
}

/** Rounds of a test that kills, fills or races. */
export const rounds = (usual: number): number => asked('CREDENCE_SOAK_ROUNDS') ?? usual
