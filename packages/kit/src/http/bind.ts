import type { Handler, Route, RouteDescription } from './types.ts'

/**
 * Joins a table of routes with its handlers: every name must have one. The table can then be listed and tested
 * without the handlers' dependencies.
 */
export const bindRoutes = <const Table extends readonly RouteDescription[]>(
  table: Table,
  handlers: Readonly<Record<Table[number]['name'], Handler>>,
): Route[] =>
  table.map((description) => {
    const handler = handlers[description.name as Table[number]['name']]
    if (handler === undefined) throw new TypeError(`No handler for the route ${description.name}`)
    return { ...description, handler }
  })
