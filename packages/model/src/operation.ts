/** What is done to a resource. Frozen before it is decided on. */
import { hash } from 'node:crypto'
import { canonicalize, type JsonValue } from '@credence/kit/json'
import type { ActorFacts } from './caller.ts'
import type { DomainId, OperationId } from './ids.ts'
import type { Party } from './party.ts'

export type { JsonValue }

/** Labels come from our registry, never from the server that is labelled. */
export interface ToolLabels {
  /** INVARIANT: only `read` together with `publicData: true` makes an operation not consequential. */
  readonly effect?: 'read' | 'write' | 'delete' | 'pay' | 'send' | 'execute'
  readonly publicData?: boolean
  /** A name of the domain's own: `customer`, `health`, ... */
  readonly dataClass?: string
  /** Can what it did be undone? Absent: nobody said. */
  readonly reversible?: boolean
  /** What it returns was written by strangers: web pages, mail, tickets. Whoever reads it may be told what to do by it. */
  readonly untrusted?: boolean
}

export interface Operation {
  readonly id: OperationId
  readonly domain: DomainId
  readonly subject: Party
  readonly actors: readonly ActorFacts[]
  /** Resource identifier (RFC 8707): a URL, or `authority` of the domain's own issuer. */
  readonly resource: string
  /** `tools/call`, `tools/list`, `grant.revoke`, `token.issue`, ... */
  readonly method: string
  /** Name of the tool, or of what the method is applied to; empty where the method says it all. */
  readonly name: string
  readonly arguments: JsonValue
  /** What else the message says that may change what happens: state and answers of an interrupted call, its own metadata. */
  readonly more?: JsonValue
  /** SHA-256 (base64url) over the canonical definition of the tool, when it has one that we pinned. */
  readonly definitionHash?: string
  readonly labels: ToolLabels
  readonly consequential: boolean
  /** The exact bytes that will be sent, when the operation is forwarded. */
  readonly wire?: Uint8Array
  /** Hash over what is meant, the same for every retry. See `operationHash`. */
  readonly op: string
}

export type OperationFacts = Omit<Operation, 'op' | 'consequential'>

/** Every operation, unless our registry labels the tool as reading public data only. Policy cannot lower it. */
export const isConsequential = (labels: ToolLabels): boolean =>
  !(labels.effect === 'read' && labels.publicData === true)

/**
 * What is meant, and nothing that differs between two tries of it: no ids, headers or times.
 * INVARIANT: an approval is bound to this hash, so every value that changes what happens stands in it.
 */
export const operationHash = (
  facts: OperationFacts,
  canonical: (value: JsonValue) => string = canonicalize,
): string => {
  // In canonical order, which spares the sorting.
  const meant = {
    actors: facts.actors.map(({ party }) => ({ iss: party.iss, sub: party.sub })),
    arguments: facts.arguments,
    definition: facts.definitionHash ?? null,
    method: facts.method,
    ...(facts.more === undefined ? {} : { more: facts.more }),
    name: facts.name,
    resource: facts.resource,
    subject: { iss: facts.subject.iss, sub: facts.subject.sub },
  }
  return hash('sha256', canonical(meant), 'base64url')
}
