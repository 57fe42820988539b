import { watch } from 'node:fs'
import { toCredenceError } from '@credence/kit'
import { checkPolicies } from './check.ts'
import { compilePolicySet } from './compile-set.ts'
import { loadPolicyFolder } from './folder.ts'
import type { PolicyProblem } from './problem.ts'
import type { PolicySnapshot } from './snapshot.ts'

export type WatchReport =
  | { readonly ok: true; readonly snapshot: PolicySnapshot; readonly message: string }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[]; readonly message: string }

export interface WatchOptions {
  /** Quiet time before the folder is read; default 200 ms. */
  readonly debounceMs?: number
}

const TRYING = 'Watching is for trying things out: nothing is applied, recorded or sent to other nodes.'

const report = async (dir: string): Promise<WatchReport> => {
  try {
    const source = await loadPolicyFolder(dir)
    const { ok, problems } = await checkPolicies(source)
    if (!ok) return { ok, problems, message: `These files are not valid, so the version before stays. ${TRYING}` }
    const snapshot = await compilePolicySet(source)
    return { ok, snapshot, message: `Version ${snapshot.version} would be active. ${TRYING}` }
  } catch (error) {
    return { ok: false, problems: [], message: `${toCredenceError(error).message} ${TRYING}` }
  }
}

/**
 * For trying things out: says what would be active, at once and after every change. It activates nothing;
 * `credence policy apply` does.
 */
export const watchPolicyFolder = (
  dir: string,
  onChange: (report: WatchReport) => void,
  options: WatchOptions = {},
): { close(): void } => {
  const quiet = options.debounceMs ?? 200
  let timer: NodeJS.Timeout | undefined
  let round = 0
  let closed = false
  // INVARIANT: of overlapping readings only the latest is reported.
  const read = async (): Promise<void> => {
    const mine = ++round
    const found = await report(dir)
    if (!closed && mine === round) onChange(found)
  }
  const watcher = watch(dir, () => {
    clearTimeout(timer)
    timer = setTimeout(() => void read(), quiet)
  })
  watcher.on('error', () => void read())
  void read()
  return {
    close: () => {
      closed = true
      clearTimeout(timer)
      watcher.close()
    },
  }
}
