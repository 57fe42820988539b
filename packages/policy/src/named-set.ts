/** Policies as cedar-wasm takes them: statics, templates, links. */
import type { NamedSet } from './cedar/lane.ts'
import type { SlotValues } from './cedar/messages.ts'
import type { Slots } from './compile/scope.ts'
import type { PolicyInfo } from './snapshot.ts'

export const slotValues = (slots: Slots): SlotValues => {
  const { '?principal': principal, '?resource': resource } = slots
  return {
    ...(principal === undefined ? {} : { '?principal': { type: principal.type, id: principal.id } }),
    ...(resource === undefined ? {} : { '?resource': { type: resource.type, id: resource.id } }),
  }
}

export const namedSet = (key: string, infos: readonly PolicyInfo[]): NamedSet => {
  const fixed = infos.filter(({ template }) => template === undefined)
  const linked = infos.filter(({ template }) => template !== undefined)
  return {
    key,
    policies: Object.fromEntries(fixed.map(({ id, text }) => [id, text])),
    templates: Object.fromEntries(linked.map(({ template = '', text }) => [template, text])),
    links: linked.map(({ id, template = '', slots = {} }) => ({
      templateId: template,
      newId: id,
      values: slotValues(slots),
    })),
  }
}
