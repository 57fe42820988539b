/** What the echo server says, over whichever transport. */
const VERSION = '2026-07-28'
const serverInfo = { name: 'echo', version: '1.0.0' }
const capabilities = { tools: {} }
const about = { _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo } }
const tools = [
  {
    name: 'echo',
    description: 'Says it back',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  },
]

interface Message {
  readonly id?: number | string
  readonly method: string
  readonly params?: { readonly arguments?: { readonly text?: string }; readonly protocolVersion?: string }
}

const resultOf = ({ method, params }: Message): object => {
  if (method === 'server/discover') return { supportedVersions: [VERSION], capabilities, ...about }
  if (method === 'initialize') return { protocolVersion: params?.protocolVersion ?? '', capabilities, serverInfo }
  if (method === 'tools/list') return { tools, resultType: 'complete', ttlMs: 0, cacheScope: 'private', ...about }
  return { content: [{ type: 'text', text: params?.arguments?.text ?? '' }], resultType: 'complete', ...about }
}

/** Over stdio the revision of 2025 is spoken, which is what the other gateways front. */
export const answerTo = (text: string, modern = true): string | undefined => {
  const message = JSON.parse(text) as Message
  if (message.id === undefined) return undefined
  if (!modern && message.method === 'server/discover') {
    return JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } })
  }
  return JSON.stringify({ jsonrpc: '2.0', id: message.id, result: resultOf(message) })
}
