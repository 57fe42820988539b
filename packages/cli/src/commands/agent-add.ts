import { existsSync } from 'node:fs'
import { refused } from '@credence/kit'
import { nodeKeys } from '@credence/kit/node'
import type { Command } from '../command.ts'
import { identityFolder, keyFile, readIdentity, writeIdentity } from '../identities.ts'
import { facts } from '../table.ts'
import type { ShownAgent } from './agent-list.ts'

/** RFC 8252 section 7.3: any port of the loopback address, chosen when somebody is asked. */
const LOOPBACK_REDIRECT = 'http://127.0.0.1/callback'

export const agentAdd: Command = {
  name: 'agent add',
  operands: 'NAME',
  summary: 'Register an agent with a key of its own',
  help: 'The key is made on this host and stays in DATA/agents/NAME (readable by you alone); only its public half is sent.',
  takes: [1, 1],
  flags: {
    owner: { type: 'string', value: 'NAME', about: 'the accountable person or team (default operator)' },
    redirect: {
      type: 'string',
      multiple: true,
      value: 'URL',
      about: `where people are sent back to (default ${LOOPBACK_REDIRECT})`,
    },
    group: { type: 'string', multiple: true, value: 'NAME', about: 'a group that policies speak of; may be repeated' },
    node: { type: 'boolean', about: 'for a gateway in another process: may follow the feed and record' },
  },
  run: async (context) => {
    const [name = ''] = context.operands
    const folder = identityFolder(context.settings.dataDir, name)
    if (existsSync(`${folder}/agent.json`)) {
      const { clientId } = readIdentity(folder)
      throw refused(
        'agent_exists',
        `${folder} is the agent ${clientId} already. An identity is never reused: choose another name.`,
      )
    }
    const { loadOrCreateSigner } = await import('@credence/agent')
    const signer = await loadOrCreateSigner(keyFile(folder), nodeKeys)
    const owner = context.text('owner')
    const redirects = context.texts('redirect')
    const groups = context.texts('group')
    const agent = await context.api().send<ShownAgent>('POST', '/v1/agents', {
      name,
      keys: [signer.publicJwk],
      ...(owner === undefined ? {} : { ownerName: owner }),
      ...(groups.length === 0 ? {} : { groups }),
      ...(context.on('node')
        ? { role: 'node', grantTypes: ['client_credentials'] }
        : { redirectUris: redirects.length > 0 ? redirects : [LOOPBACK_REDIRECT] }),
    })
    writeIdentity(folder, { clientId: agent.id, issuer: context.api().issuer, name })
    context.print({ ...agent, folder }, () =>
      facts([
        ['agent', agent.id],
        ['identity', agent.spiffeId],
        ['owner', agent.ownerName],
        ['groups', groups.length === 0 ? undefined : groups.join(', ')],
        ['key', keyFile(folder)],
      ]),
    )
  },
}
