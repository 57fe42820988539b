/** What ships with the package: the schema, the system policies and the ready-made set. */
import { readdirSync, readFileSync } from 'node:fs'
import { authorityActionsSchema } from './authority-actions.ts'
import type { PolicyFile, PolicySource } from './source.ts'

const SHIPPED = new URL('../policies/', import.meta.url)

const readShipped = (folder: string): PolicyFile[] =>
  readdirSync(new URL(`${folder}/`, SHIPPED))
    .filter((name) => name.endsWith('.cedar'))
    .sort()
    .map((name) => ({ name: `${folder}/${name}`, text: readFileSync(new URL(`${folder}/${name}`, SHIPPED), 'utf8') }))

/** Part of every set. */
export const systemPolicies: readonly PolicyFile[] = readShipped('system')

/** Without `type Arguments`, which is empty unless a folder's schema declares it. */
export const builtInSchema: string = `${readFileSync(new URL('credence.cedarschema', SHIPPED), 'utf8')}\n${authorityActionsSchema()}\n`

/** The ready-made user policies of a new domain. */
export const quickstartPolicies = (): PolicySource => ({
  files: readShipped('quickstart').map(({ name, text }) => ({ name: name.slice('quickstart/'.length), text })),
})
