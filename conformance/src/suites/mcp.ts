import { authorizationLeg } from '../mcp/authorization-leg.ts'
import { clientLeg } from '../mcp/client-leg.ts'
import { serverLeg } from '../mcp/server-leg.ts'
import type { Suite } from '../suite.ts'

export const mcp: Suite = {
  name: 'mcp',
  about: '@modelcontextprotocol/conformance: authority, gateway and agent SDK, in both revisions',
  long: true,
  run: async (report, options) => {
    await authorizationLeg(report)
    await serverLeg(report, options)
    await clientLeg(report, options)
  },
}
