import { type CredenceError, refused } from '@credence/kit'

/** The words of the command line are wrong: exit code 2. */
export const usage = (message: string): CredenceError => refused('usage', message, { status: 400 })
