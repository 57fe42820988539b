/**
 * Operations on the authority itself, by what kind of act they are. Actions and their groups in the schema are
 * written from this table, so that both always say the same.
 */
export type AuthorityGroup = 'administer' | 'reduce' | 'personal' | 'issue' | 'serve' | 'decide'

/** `reduce`: acts that only take authority away; they are administration too. */
export const AUTHORITY_GROUPS: Readonly<Record<AuthorityGroup, readonly AuthorityGroup[]>> = {
  administer: [],
  reduce: ['administer'],
  personal: [],
  issue: [],
  serve: [],
  decide: [],
}

const AUTHORITY_ACTIONS: Readonly<Record<AuthorityGroup, readonly string[]>> = {
  administer: [
    'agent.add',
    'agent.list',
    'agent.show',
    'agent.update',
    'agent.resume',
    'agent.key.add',
    'server.add',
    'server.list',
    'server.show',
    'server.update',
    'server.label',
    'server.observe',
    'grant.list',
    'grant.show',
    'owner.add',
    'owner.list',
    'person.list',
    'person.invite',
    'policy.apply',
    'policy.show',
    'policy.list',
    'keys.rotate',
    'audit.read',
    'feed.show',
    'backup.make',
    'bearer.allow',
  ],
  reduce: [
    'agent.suspend',
    'agent.retire',
    'agent.key.remove',
    'server.remove',
    'grant.revoke',
    'token.revoke',
    'session.revoke',
    'subject.revoke',
    'authority.revoke',
    'bearer.refuse',
  ],
  personal: [
    'consent.give',
    'consent.refuse',
    'grant.allow',
    'grant.create',
    'passkey.add',
    'passkey.remove',
    'session.start',
    'session.end',
  ],
  issue: ['token.issue', 'token.refresh', 'token.exchange', 'code.issue', 'par.push'],
  serve: ['feed.poll', 'record.append', 'token.introspect', 'registry.read', 'server.tools', 'task.mark', 'once.claim'],
  decide: ['decision.evaluate'],
}

const GROUP_OF = new Map<string, AuthorityGroup>()
for (const [group, actions] of Object.entries(AUTHORITY_ACTIONS) as [AuthorityGroup, readonly string[]][]) {
  for (const action of actions) GROUP_OF.set(action, group)
}

/** INVARIANT: an operation that this table does not know is administration, so only those who administer may do it. */
export const authorityGroup = (method: string): AuthorityGroup => GROUP_OF.get(method) ?? 'administer'

/** Of a person's own acts, those that only take authority away. */
const PERSONAL_REDUCTIONS: ReadonlySet<string> = new Set(['consent.refuse', 'session.end'])

/** Only takes authority away, so that what this node does not know must never stop it. */
export const reducesAuthority = (method: string): boolean =>
  authorityGroup(method) === 'reduce' || PERSONAL_REDUCTIONS.has(method)

/** Whether the name of an operation is one of ours. */
export const isAuthorityAction = (method: string): boolean => GROUP_OF.has(method)

/** The group's name in policies. */
export const groupAction = (group: AuthorityGroup): string => `authority.${group}`

const APPLIES = 'appliesTo { principal: [Agent, Client, Person], resource: [Authority], context: AuthorityContext }'

export const authorityActionsSchema = (): string =>
  (Object.keys(AUTHORITY_ACTIONS) as AuthorityGroup[])
    .map((group) => {
      const parents = AUTHORITY_GROUPS[group]
      const within =
        parents.length === 0 ? '' : ` in [${parents.map((parent) => JSON.stringify(groupAction(parent))).join(', ')}]`
      const names = AUTHORITY_ACTIONS[group].map((action) => JSON.stringify(action)).join(', ')
      const name = JSON.stringify(groupAction(group))
      return `action ${name}${within};\naction ${names}\n  in [${name}] ${APPLIES};`
    })
    .join('\n')
