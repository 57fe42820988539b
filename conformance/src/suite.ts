/** What a suite is: a name, and checks that come one after another. */

export interface Check {
  /** Stable, and unique within its suite: the name that an expected failure is listed under. */
  readonly name: string
  readonly ok: boolean
  readonly detail?: string
}

export interface Suite {
  readonly name: string
  /** One line for `--help`. */
  readonly about: string
  /** Has a representative part, so that in a quick run not every listed name is met. */
  readonly long?: boolean
  /** `quick`: a representative part that ends within seconds. */
  run(report: (check: Check) => void, options: { readonly quick: boolean }): Promise<void>
}

/** What a foreign library read from an answer says more than its own message. */
const told = (error: Error): string => {
  const { error: code, error_description: description } = error as { error?: unknown; error_description?: unknown }
  return code === undefined ? '' : `${String(code)}: ${String(description)}\n`
}

/** Runs one check; an error that it throws is its detail. */
export const attempt = async (
  report: (check: Check) => void,
  name: string,
  run: () => Promise<unknown> | unknown,
): Promise<void> => {
  try {
    await run()
    report({ name, ok: true })
  } catch (error) {
    report({
      name,
      ok: false,
      detail: error instanceof Error ? `${told(error)}${error.stack ?? error.message}` : String(error),
    })
  }
}
