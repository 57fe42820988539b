import { resolve } from 'node:path'
import type { Agent, PersonAsked } from '@credence/agent'
import { refused, unavailable } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { explainUnreachable } from '../api.ts'
import type { Command, Context } from '../command.ts'
import { chooseIdentity, keyFile, readIdentity, tokensFile } from '../identities.ts'
import { openInBrowser } from '../open-browser.ts'

const serverUrl = (context: Context): string => {
  const [server = ''] = context.operands
  return /^https?:\/\//.test(server) ? server : `${context.settings.gatewayUrl}/mcp/${server}`
}

const askPerson = (context: Context) => (asked: PersonAsked) => {
  context.tell(`Please allow this agent to use ${asked.resource}:\n\n  ${asked.url}\n`)
  if (!context.on('no-browser')) void openInBrowser(asked.url)
}

const agentOf = async (context: Context, url: string): Promise<Agent> => {
  const named = context.text('identity')
  const folder = named === undefined ? chooseIdentity(context.settings.dataDir, context.text('agent')) : resolve(named)
  const { clientId, issuer } = readIdentity(folder)
  const { createAgent, createFileTokenStore, loadSigner } = await import('@credence/agent')
  return createAgent({
    clientId,
    signer: await loadSigner(keyFile(folder)),
    clock: nodeClock,
    random: nodeRandom,
    issuers: [issuer],
    allowPrivate: [new URL(issuer).host, new URL(url).host],
    store: createFileTokenStore(tokensFile(folder)),
    ...(context.on('alone') ? {} : { ask: askPerson(context) }),
  })
}

/** One question, so that the person is asked now and not while a client waits. */
const consentOnly = async (agent: Agent, url: string, context: Context): Promise<void> => {
  const answer = await agent.fetchFor(url)(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
  })
  const { result, error } = (await answer.json()) as Listed
  if (result === undefined) {
    const reason = error?.data?.reason ?? error?.message ?? `status ${answer.status}`
    throw answer.status >= 500
      ? unavailable('server_unavailable', `${url}: ${reason}`)
      : refused('not_allowed', `${url}: ${reason}`)
  }
  const tools = result.tools.map(({ name }) => name)
  context.print({ server: url, tools }, () =>
    tools.length === 0 ? 'Connected; no tool may be called.' : `May call: ${tools.join(', ')}`,
  )
}

interface Listed {
  readonly result?: { readonly tools: readonly { readonly name: string }[] }
  readonly error?: { readonly message?: string; readonly data?: { readonly reason?: string } }
}

export const connect: Command = {
  name: 'connect',
  operands: 'SERVER',
  summary: 'A server behind the gateway as a stdio MCP server, for clients that cannot prove a key',
  help: 'SERVER is a name or a complete URL. The client sees ordinary tools; key and tokens stay in this process.\nThe link where a person allows it is written to standard error.',
  takes: [1, 1],
  flags: {
    agent: { type: 'string', value: 'NAME', about: 'which agent of this host (needed when there are several)' },
    identity: { type: 'string', value: 'DIR', about: 'a folder with agent.json and key.pem, instead of --agent' },
    alone: { type: 'boolean', about: 'the agent acts for itself, not for a person' },
    'consent-only': { type: 'boolean', about: 'ask the person now, show what may be called, and end' },
    'no-browser': { type: 'boolean', about: 'print the link, open nothing' },
  },
  run: async (context) => {
    const url = serverUrl(context)
    if (!URL.canParse(url)) throw refused('server_invalid', `${url} is not a URL.`)
    const agent = await agentOf(context, url)
    try {
      if (context.on('consent-only')) return await consentOnly(agent, url, context)
      const fetch = agent.fetchFor(url)
      const { runBridge } = await import('@credence/keeper')
      await runBridge({
        serverUrl: url,
        fetch: (target, init) =>
          fetch(target, init).catch((error: unknown) => Promise.reject(explainUnreachable(error, url))),
        input: process.stdin,
        output: process.stdout,
        tell: context.tell,
      })
    } finally {
      await agent.close()
    }
  },
}
