/** What a person decided about one authorization request, as it waits in the interaction to be turned into a code. */
import { AuthorizationDetails } from '@credence/model'
import { z } from 'zod'

export const Decided = z.strictObject({
  grantId: z.string(),
  /** The person: `sub` at this issuer. */
  person: z.string(),
  /** The browser session that decided; the resume must come from the same one. */
  session: z.string(),
  /** Epoch seconds at which the person signed in. */
  authTime: z.number().int(),
  resource: z.string(),
  scope: z.array(z.string()),
  authorizationDetails: AuthorizationDetails,
})
export type Decided = z.infer<typeof Decided>

export const readDecided = (value: unknown): Decided | undefined => {
  const read = Decided.safeParse(value)
  return read.success ? read.data : undefined
}

/** The result in the library's own form: it signs the person in for this one request and hands the decision on. */
export const allowedResult = (decided: Decided) => ({
  login: { accountId: decided.person, ts: decided.authTime, remember: false },
  consent: decided,
})

export const deniedResult = (description: string) => ({ error: 'access_denied', error_description: description })
