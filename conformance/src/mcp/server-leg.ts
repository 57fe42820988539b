/** The server scenarios against our gateway, with an ordinary server behind it and an agent's `fetch` before it. */
import type { Check } from '../suite.ts'
import { openWorld, permitOwnCalls } from '../world.ts'
import { startFixture } from './fixture-server.ts'
import { startForwarder } from './forwarder.ts'
import { checksOf, inTurn, runTool } from './tool.ts'

const BOTH = [
  'completion-complete',
  'tools-list',
  'tools-call-simple-text',
  'tools-call-image',
  'tools-call-audio',
  'tools-call-embedded-resource',
  'tools-call-mixed-content',
  'tools-call-error',
  'tools-call-with-progress',
  'json-schema-2020-12',
  'server-sse-multiple-streams',
  'resources-list',
  'resources-read-text',
  'resources-read-binary',
  'resources-templates-read',
  'prompts-list',
  'prompts-get-simple',
  'prompts-get-with-args',
  'prompts-get-embedded-resource',
  'prompts-get-with-image',
  'dns-rebinding-protection',
]
const LEGACY = [
  'server-initialize',
  'logging-set-level',
  'ping',
  'tools-call-with-logging',
  'tools-call-sampling',
  'tools-call-elicitation',
  'elicitation-sep1034-defaults',
  'elicitation-sep1330-enums',
  'resources-subscribe',
  'resources-unsubscribe',
]
const MODERN = [
  'server-stateless',
  'sep-2164-resource-not-found',
  'caching',
  'http-header-validation',
  'http-custom-header-server-validation',
  'input-required-result-basic-elicitation',
  'input-required-result-basic-sampling',
  'input-required-result-basic-list-roots',
  'input-required-result-request-state',
  'input-required-result-multiple-input-requests',
  'input-required-result-multi-round',
  'input-required-result-missing-input-response',
  'input-required-result-non-tool-request',
  'input-required-result-result-type',
  'input-required-result-unsupported-methods',
  'input-required-result-tampered-state',
  'input-required-result-capability-check',
  'input-required-result-ignore-extra-params',
  'input-required-result-validate-input',
]

interface Run {
  readonly scenario: string
  readonly revision: string
}

const ALL: readonly Run[] = [
  ...[...BOTH, ...LEGACY].map((scenario) => ({ scenario, revision: '2025-11-25' })),
  ...[...BOTH, ...MODERN].map((scenario) => ({ scenario, revision: '2026-07-28' })),
]
const QUICK: readonly Run[] = [
  { scenario: 'tools-call-simple-text', revision: '2025-11-25' },
  { scenario: 'tools-call-with-progress', revision: '2026-07-28' },
  { scenario: 'http-header-validation', revision: '2026-07-28' },
  { scenario: 'dns-rebinding-protection', revision: '2026-07-28' },
]

export const serverLeg = async (
  report: (check: Check) => void,
  { quick }: { readonly quick: boolean },
): Promise<void> => {
  const world = await openWorld()
  const fixture = await startFixture()
  try {
    const agent = await world.addAgent('Conformance agent')
    const resource = await world.addServer('fixture', fixture.url, [])
    await permitOwnCalls(world, agent.clientId)
    const forwarder = await startForwarder(resource, world.agentOf(agent).fetchFor(resource))
    await inTurn(quick ? QUICK : ALL, async ({ scenario, revision }) => {
      const ran = await runTool(['server', '--url', forwarder.url, '--scenario', scenario, '--spec-version', revision])
      for (const check of checksOf(`server/${revision}/${scenario}`, ran)) report(check)
    })
    forwarder.close()
  } finally {
    fixture.close()
    await world.close()
  }
}
