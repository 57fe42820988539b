/** What the answer of a resource asks of its caller. */
import { parseChallenges } from '@credence/protocol/resource-metadata'

export type ChallengeParameters = Readonly<Record<string, string>>

/**
 * The challenges that we can answer, as one: what the scheme of our token says stands before what the other one says.
 * A header that cannot be read is no challenge.
 */
export const challengeOf = (response: Response, scheme: 'dpop' | 'bearer'): ChallengeParameters => {
  const header = response.headers.get('www-authenticate')
  if (header === null) return {}
  try {
    const ours = parseChallenges(header).filter((one) => one.scheme === 'dpop' || one.scheme === 'bearer')
    const inOrder = ours.toSorted((a, b) => Number(a.scheme === scheme) - Number(b.scheme === scheme))
    return Object.assign(Object.create(null), ...inOrder.map(({ parameters }) => parameters))
  } catch {
    return {}
  }
}
