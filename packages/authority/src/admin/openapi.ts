/** OpenAPI 3.1 from the schemas that the endpoints check with: the document cannot say anything else. */
import { z } from 'zod'
import { type Endpoint, scopesOf } from './endpoint.ts'

const PROBLEM = {
  description: 'RFC 9457 problem details',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}

/** AuthZEN 1.0, error responses: a message string. */
const MESSAGE = { description: 'Error', content: { 'text/plain': { schema: { type: 'string' } } } }

/** RFC 7591 section 3.2.2, in the form of RFC 6749 section 5.2. */
const OAUTH_ERROR = {
  description: 'OAuth error',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/OAuthError' } } },
}

const json = (schema: z.ZodType | undefined) =>
  schema === undefined ? {} : { content: { 'application/json': { schema: z.toJSONSchema(schema, { io: 'input' }) } } }

const parameters = (path: string) =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))

const operationOf = (endpoint: Endpoint<never>) => ({
  operationId: endpoint.name,
  summary: endpoint.summary,
  security: scopesOf(endpoint).map((scope) => ({ credence: [scope] })),
  parameters: parameters(endpoint.path),
  ...(endpoint.body === undefined ? {} : { requestBody: { required: true, ...json(endpoint.body as z.ZodType) } }),
  responses: {
    [String(endpoint.status ?? 200)]: { description: 'Done', ...json(endpoint.answer) },
    ...(endpoint.errors === 'oauth' ? { 400: OAUTH_ERROR } : {}),
    default: endpoint.errors === 'text' ? MESSAGE : PROBLEM,
  },
})

export const openApi = (issuer: string, endpoints: readonly Endpoint<never>[]): Record<string, unknown> => {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operationOf(endpoint) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Credence', version: '1' },
    servers: [{ url: issuer }],
    paths,
    components: {
      schemas: {
        OAuthError: {
          type: 'object',
          required: ['error'],
          properties: { error: { type: 'string' }, error_description: { type: 'string' } },
        },
        Problem: {
          type: 'object',
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            code: { type: 'string' },
          },
        },
      },
      securitySchemes: {
        credence: {
          type: 'oauth2',
          description: 'Access tokens of this domain for the resource `<issuer>/v1`, bound to a key (DPoP).',
          flows: {
            clientCredentials: {
              tokenUrl: `${issuer}/token`,
              scopes: {
                admin: 'Administer',
                revoke: 'Take authority away, and nothing else',
                node: 'Follow the feed, append records',
                decide: 'Ask for decisions',
              },
            },
          },
        },
      },
    },
  }
}
