/**
 * Proofs at `/v1` while the disk is full: who takes authority away must be able to prove their key then, too.
 *
 * INVARIANT: memory is asked first and always, so that a proof which was claimed while the store could not answer is
 * claimed for good in this process. Only for a store that belongs to one process; what a restart forgets in the
 * meantime is the proofs of the last minute.
 */
import { isCredenceError, type Once } from '@credence/kit'

export const onceDespiteFullDisk = (durable: Once, memory: Once): Once => ({
  claim: async (use, key, until) => {
    if (!(await memory.claim(use, key, until))) return false
    try {
      return await durable.claim(use, key, until)
    } catch (error) {
      if (isCredenceError(error) && error.kind === 'unavailable') return true
      throw error
    }
  },
})
