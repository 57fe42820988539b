/** The errors of the library, without the library: who throws or catches one does not load the rest of it. */
import type { errors as Errors } from 'oidc-provider'
import * as errorClasses from 'oidc-provider/lib/helpers/errors.js'

export const errors: typeof Errors = errorClasses
