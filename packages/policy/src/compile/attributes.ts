/** `a.b` and `a has b`. Each place remembers the last shape that it met and the position of the name in it. */
import type { CedarQuestion } from './entities.ts'
import { NotCompiled } from './errors.ts'
import { field, list, text } from './json.ts'
import { askedOf, booleanNode, type Node, node } from './node.ts'
import { fieldsIfAny, fieldsOf, noAttribute, noEntity } from './operators.ts'
import type { Shape } from './shape.ts'
import { type CedarRecord, type CedarValue, Uid } from './values.ts'

export class AttributeSite {
  readonly name: string
  private shape: Shape | undefined
  private slot: number

  constructor(name: string) {
    this.name = name
    this.shape = undefined
    this.slot = -1
  }

  private find(shape: Shape): number {
    if (shape === this.shape) return this.slot
    const slot = shape.slotOf(this.name)
    this.shape = shape
    this.slot = slot
    return slot
  }

  get(record: CedarRecord): CedarValue | undefined {
    const slot = this.find(record.shape)
    return slot < 0 ? undefined : record.values[slot]
  }

  has(record: CedarRecord): boolean {
    return this.find(record.shape) >= 0
  }
}

const ofVariable = (site: AttributeSite, variable: 0 | 1 | 2): Node => ({
  ...node((question) => {
    const record = question.record(variable)
    if (record === undefined) return noEntity(question.uid(variable))
    return site.get(record) ?? noAttribute(question.uid(variable), site.name)
  }),
  asks: askedOf(variable),
})

const read = (site: AttributeSite, question: CedarQuestion, value: CedarValue): CedarValue =>
  site.get(fieldsOf(question, value)) ?? noAttribute(value instanceof Uid ? value : undefined, site.name)

const pathOf = ({ path }: Node, names: readonly string[], optional: boolean): Pick<Node, 'path'> => {
  if (path === undefined) return {}
  const { variable } = path
  const more = names.map(() => optional)
  return { path: { variable, names: [...path.names, ...names], optional: [...path.optional, ...more] } }
}

export const attributeOf = (left: Node, name: string): Node => ({
  ...readFrom(left, name),
  ...pathOf(left, [name], false),
})

const readFrom = (left: Node, name: string): Node => {
  const site = new AttributeSite(name)
  const { run, variable } = left
  if (variable === 3) {
    return { ...node((question) => site.get(question.context) ?? noAttribute(undefined, name)), asks: askedOf(3) }
  }
  if (variable !== undefined) return ofVariable(site, variable)
  return node((question) => read(site, question, run(question)))
}

const hasOne = (left: Node, name: string): Node => {
  const site = new AttributeSite(name)
  const { run, variable } = left
  if (variable !== undefined) {
    const has = booleanNode((question) => {
      const record = question.record(variable)
      return record !== undefined && site.has(record)
    })
    return { ...has, asks: askedOf(variable), total: true }
  }
  return booleanNode((question) => {
    const record = fieldsIfAny(question, run(question))
    return record !== undefined && site.has(record)
  })
}

/** `has a.b.c` is `has a && .a has b && .a.b has c`. */
const hasPath = (left: Node, names: readonly string[]): Node => {
  const sites = names.slice(0, -1).map((name) => new AttributeSite(name))
  const last = new AttributeSite(names.at(-1) ?? '')
  return booleanNode((question) => {
    let value = left.run(question)
    for (const site of sites) {
      const record = fieldsIfAny(question, value)
      const next = record === undefined ? undefined : site.get(record)
      if (next === undefined) return false
      value = next
    }
    const record = fieldsIfAny(question, value)
    return record !== undefined && last.has(record)
  })
}

/** `attr` of Cedar's JSON form is one name or several. */
const namesOf = (attr: unknown): readonly string[] => (typeof attr === 'string' ? [attr] : list(attr).map(text))

export const hasAttribute = (left: Node, body: unknown): Node => {
  const names = namesOf(field(body, 'attr'))
  const [first] = names
  if (first === undefined) throw new NotCompiled('an empty path')
  const has = names.length === 1 ? hasOne(left, first) : hasPath(left, names)
  return { ...has, guard: true, ...pathOf(left, names, true) }
}
