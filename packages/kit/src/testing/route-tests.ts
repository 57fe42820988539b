/**
 * How a test says which route it covers. `scripts/check.ts` reads these calls from the test files: the names must be
 * string literals, alone or in an array literal.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'

type Names = string | readonly string[]
const each = (names: Names): readonly string[] => (typeof names === 'string' ? [names] : names)

/**
 * A caller who may not is refused on this route. The body calls the route as such a caller and returns the status.
 */
export const refusedCaller = (
  routes: Names,
  call: (route: string, context: TestContext) => Promise<number> | number,
): void => {
  for (const route of each(routes)) {
    test(`refused caller: ${route}`, async (context) => {
      const status = await call(route, context)
      assert.ok(status >= 400 && status < 500, `${route} answered ${status} to a caller who may not`)
    })
  }
}

/** A consequential route records an intent. The body calls the route and returns how many intents that recorded. */
export const opensIntent = (
  routes: Names,
  call: (route: string, context: TestContext) => Promise<number> | number,
): void => {
  for (const route of each(routes)) {
    test(`opens an intent: ${route}`, async (context) => {
      assert.ok((await call(route, context)) >= 1, `${route} recorded no intent`)
    })
  }
}
