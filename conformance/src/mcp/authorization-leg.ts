/**
 * The authorization-server scenarios against our authority. The tool is a public client without proof of possession, so
 * the operator registers it and makes the one exception for it; a person with a passkey goes through the public pages.
 */
import { nodeFetch } from '@credence/kit/node'
import type { Check } from '../suite.ts'
import { freePort, must, openWorld } from '../world.ts'
import { checksOf, runTool } from './tool.ts'

const TOOLS = [{ name: 'read_text_file', description: 'Reads a file', inputSchema: { type: 'object' } }]

export const authorizationLeg = async (report: (check: Check) => void): Promise<void> => {
  const world = await openWorld()
  try {
    const port = await freePort()
    const resource = await world.addServer('files', 'http://127.0.0.1:1/mcp', TOOLS)
    const client = must(
      await world.api('POST', '/register', {
        client_name: 'Conformance tool',
        redirect_uris: [`http://127.0.0.1:${port}/callback`],
      }),
      201,
    )
    const clientId = String(client.client_id)
    must(await world.api('POST', '/v1/bearer', { client: clientId, resource }), 201)
    const person = await world.owner()
    let asked = false
    const sayYes = (output: string): void => {
      const [url] = /^http:\/\/127\.0\.0\.1:\d+\/authorize\?\S+$/m.exec(output) ?? []
      if (url === undefined || asked) return
      asked = true
      person.authorize(url).then(
        (back) => nodeFetch(back).catch(() => undefined),
        (error: unknown) => report({ name: 'authorization/consent', ok: false, detail: String(error) }),
      )
    }
    const names = ['--client-id', clientId, '--resource', resource, '-p', String(port)]
    const ran = await runTool(['authorization', '--url', world.issuer, ...names], sayYes, 40_000)
    for (const check of checksOf('authorization', ran)) report(check)
  } finally {
    await world.close()
  }
}
