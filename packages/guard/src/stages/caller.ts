/** Who is calling: facts that were verified in this very request, and a handle that says when they were withdrawn. */
import { refused } from '@credence/kit'
import type { CallerFacts } from '@credence/model'
import { deepFreeze } from '../freeze.ts'
import type { Authenticator, RevocationHandle } from '../ports.ts'
import { about } from '../refusal.ts'
import { forged } from './forged.ts'
import { isPresented, type Presented } from './presented.ts'
import { createSeal } from './seal.ts'

const CALLER: unique symbol = Symbol('caller')

export interface Caller {
  readonly [CALLER]: true
  readonly presented: Presented<unknown>
  readonly facts: CallerFacts
  readonly revocation: RevocationHandle
}

const seal = createSeal()

export const isCaller = (value: object): boolean => seal.isOn(value)

/**
 * INVARIANT: the only function that makes a Caller, so that no door can forget to ask whether it was revoked.
 * The method of authentication is a port; this question is not.
 */
export const authenticate = async <Input>(
  presented: Presented<Input>,
  deps: { readonly authenticator: Authenticator<Input> },
): Promise<Caller> => {
  if (!isPresented(presented)) throw forged('presented')
  const { facts, revocation } = await deps.authenticator.authenticate(presented.input)
  notRevoked(facts, revocation)
  const stage: Caller = { [CALLER]: true, presented, facts: deepFreeze(facts), revocation }
  return Object.freeze(seal.put(stage, undefined))
}

/** Asked when a Caller is made and again immediately before release. Anything but a plain `false` counts as revoked. */
export const notRevoked = (facts: CallerFacts, revocation: RevocationHandle): void => {
  if (revocation.revoked === false) return
  throw about(
    refused('token_revoked', 'What was presented has been revoked.', {
      status: 401,
      standard: 'invalid_token',
      detail: `revoked by ${revocation.revokedBy ?? 'an unknown key'}`,
    }),
    { caller: facts },
  )
}
