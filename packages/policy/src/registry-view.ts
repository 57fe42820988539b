/**
 * What the decider may know about who and what is involved: rows of our registry, never claims of a caller.
 * Every function answers at once from memory; `undefined` is "unknown", and unknown has no rights.
 */
import type { Party, ToolLabels } from '@credence/model'

export interface AgentView {
  readonly id: string
  readonly status: 'active' | 'suspended' | 'retired'
  /** `operator` administers, `node` feeds and records; both are made by the domain itself. */
  readonly role: 'agent' | 'operator' | 'node'
  readonly owner?: string
  /** As whoever administers the domain said. */
  readonly groups?: readonly string[]
}

export interface ServerView {
  readonly resource: string
  /** Short name in the registry (`files`). */
  readonly name: string
  /** Its policies are decided and recorded, and not enforced. */
  readonly observe?: boolean
}

export interface ToolView extends ToolLabels {
  readonly name: string
  /** SHA-256 (base64url) over the canonical definition that the registry pinned. */
  readonly definitionHash?: string
}

export interface PersonView {
  /** `owner`: a person who administers the domain. */
  readonly role: 'owner' | 'member'
  /** Owners (teams) that this person belongs to or is. */
  readonly owners: readonly string[]
}

export interface RegistryView {
  agent(id: string): AgentView | undefined
  server(resource: string): ServerView | undefined
  tool(resource: string, name: string): ToolView | undefined
  person?(party: Party): PersonView | undefined
}
