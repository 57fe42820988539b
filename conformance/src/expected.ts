/**
 * What is known to fail, with the reason: one file a suite. INVARIANT: a failure that is not listed fails the run, and so
 * does a listed one that passes, so that the list never says more or less than what is true.
 */
import { existsSync, readFileSync } from 'node:fs'
import type { Check } from './suite.ts'

export interface ExpectedFailure {
  readonly name: string
  readonly reason: string
}

const isListed = (value: unknown): value is ExpectedFailure => {
  const { name, reason, ...rest } = value as Readonly<Record<string, unknown>>
  const texts = typeof name === 'string' && name !== '' && typeof reason === 'string' && reason.length >= 20
  return texts && Object.keys(rest).length === 0
}

export const readExpected = (
  suite: string,
  folder: URL = new URL('../expected/', import.meta.url),
): ExpectedFailure[] => {
  const file = new URL(`${suite}.json`, folder)
  const listed: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
  if (!Array.isArray(listed) || !listed.every(isListed))
    throw new Error(`${file.pathname} needs a name and a reason in each entry`)
  const names = new Set(listed.map(({ name }) => name))
  if (names.size !== listed.length) throw new Error(`${file.pathname} lists a name twice`)
  return listed
}

export interface Verdict {
  readonly passed: number
  readonly failed: number
  readonly expectedFailures: readonly ExpectedFailure[]
  /** What fails the run, in words. */
  readonly problems: readonly string[]
}

/** The same name reported twice is one check that failed if either did. */
const merged = (checks: readonly Check[]): Map<string, Check> => {
  const byName = new Map<string, Check>()
  for (const check of checks) {
    const before = byName.get(check.name)
    if (before === undefined || (before.ok && !check.ok)) byName.set(check.name, check)
  }
  return byName
}

/** `partial`: only a part was run, so that a listed name may be absent. */
export const judge = (
  checks: readonly Check[],
  listed: readonly ExpectedFailure[],
  options: { readonly partial: boolean },
): Verdict => {
  const byName = merged(checks)
  const problems: string[] = []
  if (byName.size === 0) problems.push('nothing was checked')
  const failing = listed.filter(({ name }) => byName.get(name)?.ok === false)
  for (const { name } of listed) {
    const check = byName.get(name)
    if (check?.ok === true) problems.push(`${name}: passes, but is listed as an expected failure; take it off the list`)
    if (check === undefined && !options.partial)
      problems.push(`${name}: is listed as an expected failure, but was not run`)
  }
  const excused = new Set(failing.map(({ name }) => name))
  let passed = 0
  let failed = 0
  for (const { name, ok, detail } of byName.values()) {
    if (ok) passed += 1
    else if (!excused.has(name)) {
      failed += 1
      problems.push(`${name}: ${detail ?? 'failed'}`)
    }
  }
  return { passed, failed, expectedFailures: failing, problems }
}
