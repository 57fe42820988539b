/** Endpoints that clients call with their own authentication. */
import { bindRoutes, type Handler, type Route } from '@credence/kit/http'

const CLIENT = { method: 'POST', access: 'client', consequential: true, errors: 'oauth', maxBody: 65_536 } as const

const TABLE = [
  { ...CLIENT, path: '/token', name: 'token.issue' },
  { ...CLIENT, path: '/introspect', name: 'token.introspect', consequential: false },
  { ...CLIENT, path: '/revoke', name: 'token.revoke' },
] as const

export const clientRoutes = (handlers: { readonly [Name in (typeof TABLE)[number]['name']]: Handler }): Route[] =>
  bindRoutes(TABLE, handlers)
