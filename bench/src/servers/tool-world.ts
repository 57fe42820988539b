/** A hundred policies on tools in Cedar and in Cerbos' words, and the same questions in AuthZEN to both. */

const KINDS = 25
const TEAMS = 7

interface Rule {
  readonly effect: 'permit' | 'forbid'
  readonly cedar: string
  readonly cel: string
}

const rulesOf = (kind: number): readonly Rule[] => [
  {
    effect: 'permit',
    cedar: `principal.properties.team == "team_${kind % TEAMS}" && resource.properties.amount <= ${300 + kind * 20}`,
    cel: `P.attr.team == "team_${kind % TEAMS}" && R.attr.amount <= ${300 + kind * 20}`,
  },
  {
    effect: 'permit',
    cedar: 'principal.properties.role == "operator" && resource.properties.effect == "read"',
    cel: 'P.attr.role == "operator" && R.attr.effect == "read"',
  },
  {
    effect: 'permit',
    cedar: 'resource.properties.owner == principal.properties.name && resource.properties.depth < 3',
    cel: 'R.attr.owner == P.attr.name && R.attr.depth < 3',
  },
  {
    effect: 'forbid',
    cedar: `resource.properties.amount > ${900 - kind}`,
    cel: `R.attr.amount > ${900 - kind}`,
  },
]

const kinds = Array.from({ length: KINDS }, (_, kind) => kind)

/** Files of a tenant's folder. */
export const cedarFolder = (): Readonly<Record<string, string>> => {
  const types = kinds.map((kind) => `tool_${kind}`)
  const tool = 'properties: { amount: Long, effect: String, owner: String, depth: Long }'
  const schema = [
    'entity agent = { properties: { team: String, role: String, name: String } };',
    ...types.map((type) => `entity ${type} = { ${tool} };`),
    `action "call" appliesTo { principal: [agent], resource: [${types.join(', ')}], context: {} };`,
  ]
  const policies = kinds.flatMap((kind) =>
    rulesOf(kind).map(
      ({ effect, cedar }, index) =>
        `@id("tool-${kind}-${index}")\n${effect} (principal is agent, action == Action::"call", resource is tool_${kind})\nwhen { ${cedar} };`,
    ),
  )
  return { 'schema.cedarschema': schema.join('\n'), 'policies.cedar': policies.join('\n') }
}

/** Files of Cerbos' policy folder: one for each kind, which is what it finds policies by. JSON is YAML. */
export const cerbosFolder = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    kinds.map((kind) => {
      const rules = rulesOf(kind).map(({ effect, cel }) => ({
        actions: ['call'],
        effect: effect === 'permit' ? 'EFFECT_ALLOW' : 'EFFECT_DENY',
        roles: ['agent'],
        condition: { match: { expr: cel } },
      }))
      const policy = {
        apiVersion: 'api.cerbos.dev/v1',
        resourcePolicy: { resource: `tool_${kind}`, version: 'default', rules },
      }
      return [`tool_${kind}.yaml`, JSON.stringify(policy)]
    }),
  )

/** `cerbos`: with the role that Cerbos wants to be told; ours has no such thing. */
export const questionOf = (n: number, cerbos: boolean): object => {
  const agent = n % 40
  return {
    subject: {
      type: 'agent',
      id: `agt_${agent}`,
      properties: {
        ...(cerbos ? { 'cerbos.roles': ['agent'] } : {}),
        team: `team_${agent % TEAMS}`,
        role: agent % 3 === 0 ? 'operator' : 'worker',
        name: `agent ${agent}`,
      },
    },
    action: { name: 'call' },
    resource: {
      type: `tool_${(n * 7) % KINDS}`,
      id: `t_${n % 500}`,
      properties: {
        amount: (n * 613) % 1100,
        effect: n % 2 === 0 ? 'read' : 'pay',
        owner: `agent ${(n * 3) % 40}`,
        depth: n % 4,
      },
    },
  }
}
