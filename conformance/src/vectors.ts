/** Vectors made by others, beside the project. A plain clone has none and says so; CI must have them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Suite } from './suite.ts'

const FOLDER = new URL('../../../shared/vectors/', import.meta.url)

export const readVector = (path: string): string => readFileSync(new URL(path, FOLDER), 'utf8')
export const listVectors = (path: string): string[] => readdirSync(new URL(path, FOLDER)).sort()

/** INVARIANT: without its vectors a suite fails; it never passes for having checked nothing. */
export const vectorSuite = (suite: Suite, path: string): Suite => ({
  ...suite,
  run: async (report, options) => {
    const folder = new URL(path, FOLDER)
    if (existsSync(folder)) return await suite.run(report, options)
    report({ name: 'vectors', ok: false, detail: `the vectors are not at ${fileURLToPath(folder)}` })
  },
})

export const haveVectors = (): boolean => existsSync(FOLDER)
