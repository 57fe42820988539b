/** Vectors made by others, beside the project. A plain clone has none and skips loudly; CI must have them. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../../../../../shared/vectors/', import.meta.url))

/** The parsed file, or `undefined` when the folder of vectors is not there and this is not CI. */
export const readVectors = (path: string): unknown => {
  const file = `${FOLDER}${path}`
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'))
  if (process.env.CI === 'true') throw new Error(`CI must have the test vectors: ${path}`)
  process.stderr.write(`SKIPPED: the test vectors ${path} are not here\n`)
  return undefined
}
