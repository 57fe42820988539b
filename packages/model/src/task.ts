/**
 * A task: what a context belongs to. What was read in it once stays in it, so that a mark is made and never taken back.
 *
 * One consent is one task: its grant. An agent that acts for itself has no grant and is one task, its client.
 */
import type { CallerFacts } from './caller.ts'

/** Id of the grant behind the call, else of the client. INVARIANT: from verified facts alone; nothing a caller says counts. */
export const taskOf = ({ grant, clientId }: Pick<CallerFacts, 'grant' | 'clientId'>): string => grant ?? clientId
