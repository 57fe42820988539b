/** `/v1/policies`: a set is checked whole, activated whole, with its author and its difference on record. */

import { refused } from '@credence/kit'
import { checkPolicies, problemText } from '@credence/policy'
import { z } from 'zod'
import type { AdminDeps } from './deps.ts'
import { type Endpoint, endpoint } from './endpoint.ts'

const File = z.strictObject({ name: z.string().min(1).max(200), text: z.string().max(262_144) })
const PolicyBody = z.strictObject({
  files: z.array(File).max(200),
  schema: File.optional(),
  links: File.optional(),
  expected: z.int().min(0).optional(),
})

const sourceOf = (body: z.infer<typeof PolicyBody>) => ({
  files: body.files,
  ...(body.schema === undefined ? {} : { schema: body.schema }),
  ...(body.links === undefined ? {} : { links: body.links }),
})

const numberOf = (text: string | undefined): number => {
  if (!/^[1-9]\d{0,14}$/.test(text ?? '')) {
    throw refused('policy_version_unknown', 'There is no such version of the policies.', { status: 404 })
  }
  return Number(text)
}

export const policyEndpoints = ({ policies }: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'GET',
    path: '/v1/policies',
    name: 'policy.show',
    access: 'admin',
    consequential: false,
    operation: 'policy.show',
    summary: 'The policy set in force',
    act: () => policies.current(),
  }),
  endpoint({
    method: 'GET',
    path: '/v1/policies/versions',
    name: 'policy.list',
    access: 'admin',
    consequential: false,
    operation: 'policy.list',
    summary: 'Versions, newest first, each with author and difference',
    act: async () => ({ versions: await policies.list() }),
  }),
  endpoint({
    method: 'GET',
    path: '/v1/policies/versions/:number',
    name: 'policy.version',
    access: 'admin',
    consequential: false,
    operation: 'policy.show',
    summary: 'One version with its text',
    target: ({ params }) => params.number ?? '',
    act: ({ params }) => policies.version(numberOf(params.number)),
  }),
  endpoint({
    method: 'PUT',
    path: '/v1/policies',
    name: 'policy.apply',
    access: 'admin',
    consequential: true,
    operation: 'policy.apply',
    summary: 'Activate a policy set as one version',
    maxBody: 1_048_576,
    body: PolicyBody,
    facts: ({ body }) => ({ files: body.files.map(({ name }) => name) }),
    act: async ({ body }, { caller }) => {
      const source = sourceOf(body)
      const checked = await checkPolicies(source)
      if (!checked.ok) {
        const problems = checked.problems.filter(({ severity }) => severity === 'error').map(problemText)
        throw refused('policy_invalid', problems.slice(0, 5).join('\n'), { status: 422 })
      }
      return policies.apply(source, caller.clientId, body.expected)
    },
  }),
]
