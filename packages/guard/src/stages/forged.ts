import { bug, type CredenceError } from '@credence/kit'

/** Types are stripped when this runs: a cast that compiled is refused here, before anything is sent. */
export const forged = (stage: string): CredenceError =>
  bug('stage_forged', `a ${stage} that was not made by its step was handed on`)

export const reused = (stage: string): CredenceError =>
  bug('stage_reused', `a ${stage} was handed on twice; it counts for one operation, once`)
