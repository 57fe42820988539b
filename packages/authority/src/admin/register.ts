/** RFC 7591 registration of public clients; mounted only when it was switched on, and only for who may administer. */
import { type DynamicClients, DynamicRegistration, registrationError } from '../registry/dynamic-clients.ts'
import { type Endpoint, endpoint } from './endpoint.ts'

export const registrationEndpoint = (clients: DynamicClients): Endpoint<never> =>
  endpoint({
    method: 'POST',
    path: '/register',
    name: 'client.register',
    access: 'admin',
    consequential: true,
    operation: 'client.register',
    summary: 'Register a public client; the initial access token is one of the operator, bound to its key',
    status: 201,
    maxBody: 65_536,
    errors: 'oauth',
    body: DynamicRegistration,
    bodyError: registrationError,
    facts: ({ body }) => ({ redirect_uris: body.redirect_uris }),
    act: ({ body }) => clients.register(body),
  })
