/** What the agent may do, what it may not, and what a thief cannot. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '@credence/cli/testing'
import { nodeKeys } from '@credence/kit/node'
import { signerOf } from '@credence/protocol/jose'
import type { Client } from '@modelcontextprotocol/client'
import type { Actor } from '../actor.ts'
import { nonceAt, proofFor, provenCall, rawCall, reasonOf, toolCall } from '../raw-call.ts'
import { connectAllowed } from './people.ts'
import { ALLOWED, files, inPlay, LIST, type Play, READ, refusedCall, textOf } from './play.ts'

export const callTools = async (play: Play, actor: Actor): Promise<Client> => {
  const { report } = play
  let client: Client | undefined
  await report.step(
    'consent',
    'a person allows three of the tools on the consent page, and the agent gets a key-bound token',
    async () => {
      const allowed = await connectAllowed(play, actor)
      client = allowed.client
      const { grant, tools, by } = allowed
      return { ok: tools.join() === ALLOWED.join(), observed: `${by}: grant ${grant} for ${tools.join(', ')}` }
    },
  )
  const connected = client as Client
  await report.step('allowed call', 'the first line of a document of this repository', async () => {
    const text = textOf(await connected.callTool({ name: 'read_text_file', arguments: READ }))
    return { ok: text.startsWith('#'), observed: text }
  })
  await report.step('second server', 'another server asks for a consent of its own', async () => {
    const other = await actor.agent.connect(`${play.gatewayUrl}/mcp/everything`)
    const text = textOf(await other.callTool({ name: 'echo', arguments: { message: 'hello' } }))
    await other.close()
    return { ok: text.includes('hello'), observed: text }
  })
  await report.step('call outside the grant', 'refused with a reason; the server never sees it', async () => {
    const path = join(ROOT, 'docs/must-not-appear.txt')
    const write = { path, content: 'x' }
    const refusal = await refusedCall(connected.callTool({ name: 'write_file', arguments: write }))
    const answer = await provenCall(actor.bound(files(play)), play.ports[0], toolCall('write_file', write))
    return {
      ok: refusal !== undefined && answer.status === 403 && !existsSync(path),
      observed: refusal === undefined ? 'it was allowed' : reasonOf(answer),
    }
  })
  await report.step('tools/list', 'shows what was allowed, and nothing else', async () => {
    const { tools } = await connected.listTools()
    const names = tools.map(({ name }) => name).sort()
    return { ok: names.join() === ALLOWED.join(), observed: names.join(', ') }
  })
  return connected
}

export const attacks = async (play: Play, actor: Actor): Promise<void> => {
  const { report, ports } = play
  const resource = files(play)
  const { token } = actor.bound(resource)
  const message = toolCall('list_directory', LIST)
  await report.step(
    'stolen token',
    'refused without the key: as a bearer token, and with the proof of another key',
    async () => {
      const port = ports[0]
      const bare = await rawCall({ resource, port, authorization: `Bearer ${token}`, message })
      const thief = signerOf(nodeKeys.es256().privateKey)
      const proof = await proofFor(thief, resource, token)
      const other = await rawCall({ resource, port, authorization: `DPoP ${token}`, proof, message })
      return { ok: bare.status === 401 && other.status === 401, observed: `${reasonOf(bare)}; ${reasonOf(other)}` }
    },
  )
  await report.step('replayed proof', 'the same request a second time is refused', async () => {
    // A node that has just started wants a nonce; an honest call learns it.
    await provenCall(actor.bound(resource), ports[0], message)
    const proof = await proofFor(actor.signer, resource, token, nonceAt(ports[0]))
    const call = { resource, port: ports[0], authorization: `DPoP ${token}`, proof, message }
    const first = await rawCall(call)
    const second = await rawCall(call)
    return {
      ok: first.status === 200 && second.status === 401,
      observed: `first ${first.status}, second ${reasonOf(second)}`,
    }
  })
}

const FORBID = `// Nobody searches while the archive is being moved.
@id("no-searching")
forbid (principal, action == Action::"tools/call", resource is Tool)
when { resource.name == "search_files" };
`

export const changePolicy = async (play: Play, client: Client): Promise<void> => {
  const { stage, report } = play
  const search = () =>
    refusedCall(client.callTool({ name: 'search_files', arguments: { ...LIST, pattern: 'nothing' } }))
  await report.step(
    'policy change',
    'one new version with its difference on record; what it forbids is refused at once',
    async () => {
      const before = await search()
      const { source } = await stage.command<{ source: { files: readonly { name: string; text: string }[] } }>(
        ...inPlay(play, 'policy', 'show'),
      )
      const dir = join(stage.dir, 'policies')
      mkdirSync(dir)
      for (const { name, text } of source.files) writeFileSync(join(dir, name), text)
      writeFileSync(join(dir, 'archive.cedar'), FORBID)
      const version = await stage.command<{ number: number; difference: readonly string[] }>(
        ...inPlay(play, 'policy', 'apply', dir),
      )
      const after = await search()
      return {
        ok: before === undefined && after !== undefined && version.number === 2,
        observed: `version ${version.number}: ${version.difference.join(' ')} Then: ${after ?? 'still allowed'}`,
      }
    },
  )
}
