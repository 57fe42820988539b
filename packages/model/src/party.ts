/** Who somebody is, for every comparison: the pair (issuer, subject). Never a subject alone, never an e-mail address. */
export interface Party {
  readonly iss: string
  readonly sub: string
}

export const sameParty = (a: Party, b: Party): boolean => a.iss === b.iss && a.sub === b.sub
