/** What the caller wants done, frozen: nothing after this step can change what is decided, recorded or sent. */
import { bug, newId, type Random } from '@credence/kit'
import { canonicalize } from '@credence/kit/json'
import {
  type CallerFacts,
  type IntentRecord,
  isConsequential,
  type JsonValue,
  type Operation,
  type OperationFacts,
  operationHash,
  type ToolLabels,
} from '@credence/model'
import { deepFreeze } from '../freeze.ts'
import { about, knowing } from '../refusal.ts'
import { type Caller, isCaller } from './caller.ts'
import { forged } from './forged.ts'
import { createSeal } from './seal.ts'

/** What a door reads out of a message. Who calls is not its business: that comes from the Caller. */
export interface Mapping {
  /** Resource identifier; must be the audience that the caller was authenticated for. */
  readonly resource: string
  readonly method: string
  readonly name: string
  readonly arguments: JsonValue
  /** What else the message says that may change what happens; it stands in `op`. */
  readonly more?: JsonValue
  /** From our registry. Without labels an operation is consequential. */
  readonly labels?: ToolLabels
  readonly definitionHash?: string
  /** The exact bytes to forward. They are copied here; what is sent is that copy. */
  readonly wire?: Uint8Array
  /** Every scope that this operation needs; a caller without one of them gets `insufficient_scope` naming all. */
  readonly scope?: readonly string[]
  /** Small public facts for the record. */
  readonly facts?: NonNullable<IntentRecord['facts']>
  /**
   * Only for the authority's own code: the act reduces authority (revoke, suspend, deny), so that it may go through
   * while the ledger cannot be written. Has no effect in a pipeline without an `Outbox`.
   */
  readonly reduces?: boolean
  /**
   * Only for the authority's own code: the agent and the grant that the act is about, where a person acts and the record
   * should be found by them. Whose authority is used is said by the Caller alone.
   */
  readonly concerns?: { readonly client?: string; readonly grant?: string }
}

export type MapStep = (caller: CallerFacts) => Mapping | Promise<Mapping>

const OPERATION: unique symbol = Symbol('operation')

export interface FrozenOperation {
  readonly [OPERATION]: true
  readonly caller: Caller
  readonly operation: Operation
  readonly scope: readonly string[]
  readonly facts: IntentRecord['facts']
  readonly reduces: boolean
  readonly concerns: Mapping['concerns']
}

/** Hides the bytes that were decided on. */
const seal = createSeal<Uint8Array | undefined>()

export const isFrozenOperation = (value: object): boolean => seal.isOn(value)

/** True once: an operation is decided on once. */
export const useOperation = (asked: FrozenOperation): boolean => seal.use(asked)

/** The private copy of the bytes that were decided on: whoever changes `operation.wire` changes a picture of them. */
export const bytesDecidedOn = (asked: FrozenOperation): Uint8Array | undefined => seal.hidden(asked)

export const mapOperation = async (
  caller: Caller,
  map: MapStep,
  deps: { readonly random: Random },
): Promise<FrozenOperation> => {
  if (!isCaller(caller)) throw forged('caller')
  const mapping = await knowing({ caller: caller.facts }, () => map(caller.facts))
  forTheAudience(mapping, caller.facts)
  const operation = freezeOperation(mapping, caller.facts, deps)
  const stage: FrozenOperation = {
    [OPERATION]: true,
    caller,
    operation,
    scope: Object.freeze([...(mapping.scope ?? [])]),
    facts: deepFreeze(mapping.facts),
    reduces: mapping.reduces === true,
    concerns: deepFreeze(mapping.concerns),
  }
  return Object.freeze(seal.put(stage, mapping.wire === undefined ? undefined : new Uint8Array(mapping.wire)))
}

/** INVARIANT: what was authenticated for one resource is never used at another, whatever the mapping says. */
const forTheAudience = (mapping: Mapping, caller: CallerFacts): void => {
  if (mapping.resource === caller.audience) return
  throw about(bug('resource_mismatch', `mapped to ${mapping.resource}, authenticated for ${caller.audience}`), {
    caller,
  })
}

const freezeOperation = (mapping: Mapping, caller: CallerFacts, deps: { readonly random: Random }): Operation => {
  const labels = mapping.labels ?? {}
  const facts: OperationFacts = {
    id: newId('opn', deps.random),
    domain: caller.domain,
    subject: caller.subject,
    actors: caller.actors,
    resource: mapping.resource,
    method: mapping.method,
    name: mapping.name,
    arguments: mapping.arguments,
    labels,
    ...(mapping.more === undefined ? {} : { more: mapping.more }),
    ...(mapping.definitionHash === undefined ? {} : { definitionHash: mapping.definitionHash }),
    ...(mapping.wire === undefined ? {} : { wire: mapping.wire }),
  }
  return deepFreeze({ ...facts, consequential: isConsequential(labels), op: operationHash(facts, canonicalize) })
}
