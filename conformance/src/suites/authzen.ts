/** AuthZEN 1.0: interoperability vectors and the certification scenario, over HTTP and HTTPS, at a server in its own process. */
import { examine } from '../authzen/examine.ts'
import { openAuthZenServer } from '../authzen/server.ts'
import { overTls } from '../authzen/tls.ts'
import { replayVectors } from '../authzen/vectors.ts'
import type { Suite } from '../suite.ts'
import { vectorSuite } from '../vectors.ts'

export const authzen: Suite = vectorSuite(
  {
    name: 'authzen',
    about: 'AuthZEN 1.0: interoperability vectors, certification levels with their negative cases, discovery',
    run: async (report) => {
      const server = await openAuthZenServer()
      try {
        await replayVectors(report, server)
        await examine(report, server)
      } finally {
        await server.close()
      }
      await overTls(report)
    },
  },
  'authzen/',
)
