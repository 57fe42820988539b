/** The person of a scenario: goes through the public pages with a passkey, as a browser would. */
import { createPageBrowser, createSoftwareAuthenticator, type PageBrowser } from '@credence/authority/testing'
import { nodeFetch, nodeKeys, nodeRandom } from '@credence/kit/node'

export interface Person {
  enrol(link: string, name: string): Promise<string>
  /** Reads the consent page, leaves these tools chosen, says yes; the answer goes to the agent's own listener. */
  allow(url: string, tools: readonly string[]): Promise<void>
}

export const createPerson = (issuer: string): Person => {
  const browser: PageBrowser = createPageBrowser({
    issuer,
    fetch: nodeFetch,
    authenticator: createSoftwareAuthenticator({ keys: nodeKeys, random: nodeRandom }),
  })
  return {
    enrol: (link, name) => browser.enrol(link, name),
    allow: async (url, tools) => {
      const target = await browser.authorize(url, { tools })
      await (await nodeFetch(target)).text()
    },
  }
}
