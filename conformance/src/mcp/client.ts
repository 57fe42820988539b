/**
 * The program that the client scenarios start: an agent as its author would write it, and a person who always says yes.
 * Server address as the last argument; scenario, revision and context in the environment, as the tool hands them over.
 */
import { createPrivateKey } from 'node:crypto'
import { createAgent } from '@credence/agent'
import { nodeClock, nodeFetch, nodeKeys, nodeRandom } from '@credence/kit/node'
import { signerOf } from '@credence/protocol/jose'

const serverUrl = process.argv.at(-1) ?? ''
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? ''
const revision = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION ?? '2025-11-25'
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}') as Readonly<Record<string, string>>

/** The document that the tool's server knows of; nobody fetches it. */
const DOCUMENT = 'https://conformance-test.local/client-metadata.json'

/** The person's browser: goes where the link leads, and back to the agent. */
const sayYes = async ({ url }: { readonly url: string }): Promise<void> => {
  const there = await nodeFetch(url, { redirect: 'manual' })
  const back = there.headers.get('location')
  if (back !== null) await nodeFetch(back)
}

const forItself = scenario === 'auth/client-credentials-jwt'
const { privateKey } = nodeKeys.es256()
const key = forItself ? createPrivateKey(context.private_key_pem ?? '') : privateKey

const agent = createAgent({
  clientId: context.client_id ?? DOCUMENT,
  registration: { name: 'Conformance agent' },
  signer: signerOf(key),
  clock: nodeClock,
  random: nodeRandom,
  authentication: forItself ? 'private_key_jwt' : 'none',
  allowPrivate: ['localhost', '127.0.0.1'],
  patienceMs: 10_000,
  ...(forItself ? {} : { ask: (asked) => void sayYes(asked).catch(console.error) }),
})

/** Arguments that satisfy a tool's schema in the simplest way. */
const argumentsFor = (schema: { readonly properties?: Readonly<Record<string, object>> }): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, property]) => {
      const { type } = property as { readonly type?: string }
      return [name, type === 'number' || type === 'integer' ? 2 : type === 'boolean' ? true : 'text']
    }),
  )

const mode = revision === '2026-07-28' ? ({ pin: revision } as const) : 'legacy'
try {
  const client = await agent.connect(serverUrl, {}, { versionNegotiation: { mode } })
  const { tools } = await client.listTools()
  for (const { name, inputSchema } of tools) {
    await client.callTool({ name, arguments: argumentsFor(inputSchema as { properties?: Record<string, object> }) })
  }
  await client.close()
} finally {
  await agent.close()
}
