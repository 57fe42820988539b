/** Links to policies: each is its template with the slots filled, under an id of its own. */
import type { CedarProblem, ReadAnswer, ReadJob } from './cedar/messages.ts'
import { draftLinks, type LinkDraft, linkProblem } from './links.ts'
import { slotValues } from './named-set.ts'
import { idProblem } from './policy-ids.ts'
import type { PolicyProblem } from './problem.ts'
import type { ReadPolicy } from './read.ts'
import { LIMITS } from './read-text.ts'
import type { PolicyFile } from './source.ts'
import type { SlotName } from './text/statements.ts'

export interface ReadTemplate {
  readonly policy: ReadPolicy
  readonly slots: readonly SlotName[]
}

export interface LinkContext {
  readonly file: PolicyFile | undefined
  readonly schema: string
  readonly templates: ReadonlyMap<string, ReadTemplate>
  /** Ids that other policies have. */
  readonly taken: Set<string>
}

interface Linked {
  readonly draft: LinkDraft
  readonly template: ReadTemplate
}

const SLOTS: readonly SlotName[] = ['?principal', '?resource']

/** A link fills every slot of its template, and no other. */
const slotProblem = ({ slots }: LinkDraft, template: ReadTemplate): string | undefined => {
  const wrong = SLOTS.find((slot) => (slots[slot] !== undefined) !== template.slots.includes(slot))
  if (wrong === undefined) return undefined
  return template.slots.includes(wrong) ? `it does not say who or what ${wrong} is` : `its template has no ${wrong}`
}

const check = (draft: LinkDraft, { templates, taken }: LinkContext): Linked | string => {
  const wrong = idProblem(draft.id, 'user', taken)
  if (wrong !== undefined) return wrong
  taken.add(draft.id)
  const template = templates.get(draft.template)
  if (template === undefined || template.policy.origin !== 'user') return `there is no template "${draft.template}"`
  return slotProblem(draft, template) ?? { draft, template }
}

const policyOf = ({ draft, template: { policy } }: Linked, file: PolicyFile): ReadPolicy => ({
  ...policy,
  id: draft.id,
  file: file.name,
  line: 1,
  template: policy.id,
  slots: draft.slots,
})

const engineSays = (
  file: PolicyFile,
  { draft }: Linked,
  found: readonly CedarProblem[],
  severity: 'error' | 'warning',
): PolicyProblem[] =>
  found.map(({ message, help }) => ({
    ...linkProblem(
      file,
      `Link "${draft.id}": ${message.replace(/^for policy `link [0-9]+`, /, '')}`,
      help ?? undefined,
      draft.id,
    ),
    severity,
  }))

/** Everything that can be said of a link without its neighbours is said; what is wrong is left out. */
export const readLinks = async (
  context: LinkContext,
  read: (job: Omit<ReadJob, 'kind'>) => Promise<ReadAnswer>,
  problems: PolicyProblem[],
): Promise<ReadPolicy[]> => {
  const { file, schema, templates } = context
  if (file === undefined) return []
  const linked = draftLinks(file, problems).flatMap((draft) => {
    const found = check(draft, context)
    if (typeof found === 'string')
      problems.push(linkProblem(file, `Link ${draft.number}: ${found}`, undefined, draft.id))
    return typeof found === 'string' ? [] : [found]
  })
  if (linked.length > LIMITS.policies) {
    problems.push(linkProblem(file, `There are more than ${LIMITS.policies} links.`))
    return []
  }
  if (linked.length === 0) return []
  const order = new Map([...templates.keys()].map((id, index) => [id, index]))
  const links = linked.map(({ draft }) => ({
    template: order.get(draft.template) ?? 0,
    values: slotValues(draft.slots),
  }))
  const texts = [...templates.values()].map(({ policy }) => policy.text)
  const answer = await read({ schema, policies: texts, links })
  for (const [index, one] of linked.entries()) {
    problems.push(...engineSays(file, one, answer.links?.[index]?.errors ?? [], 'error'))
    problems.push(...engineSays(file, one, answer.links?.[index]?.warnings ?? [], 'warning'))
  }
  return linked.map((one) => policyOf(one, file))
}
