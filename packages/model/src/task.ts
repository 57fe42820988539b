/**
 * A task: what a context belongs to. What was read in it once stays in it, so that a mark is made and never taken back.
 *
 * One consent is one task: its grant. An agent that acts for itself has no grant and is one task, its client.
 */
import type { CallerFacts } from './caller.ts'

/** Id of the grant behind the call, else of the client. INVARIANT: from verified facts alone; nothing a caller says counts. */
export const taskOf = ({ grant, clientId }: Pick<CallerFacts, 'grant' | 'clientId'>): string => grant ?? clientId

/**
 * Whose marks count for a call: its own task's, and its client's as well. An agent that read as itself keeps in memory what it
 * read when it comes with a grant; what it reads under a grant marks the grant alone.
 */
export const tasksOf = ({ grant, clientId }: Pick<CallerFacts, 'grant' | 'clientId'>): readonly string[] =>
  grant === undefined ? [clientId] : [grant, clientId]
