/** Why a certificate stood for nobody: for the operator, who configured it, and never for whoever showed it. */
import type { Clock } from '@credence/kit'
import type { Logger } from '@credence/kit/telemetry'
import type { PresentedCertificate } from './certificates.ts'

const MINUTE = 60_000
/** Lines in a minute: whoever connects can make one. */
const LINES = 10

/** NOTE: nothing of the certificate but its hash, since all else in it was chosen by whoever made it. */
export const unmatchedLog = (clock: Pick<Clock, 'monotonic'>, log: Pick<Logger, 'warn'>) => {
  let started = clock.monotonic()
  let lines = 0
  return ({ leaf, error }: PresentedCertificate, why: Readonly<Record<string, string>>): void => {
    if (clock.monotonic() - started >= MINUTE) {
      started = clock.monotonic()
      lines = 0
    }
    lines += 1
    if (lines > LINES) return
    log.warn('decision_caller_unmatched', {
      certificate: leaf.fingerprint256,
      ...(error === undefined ? {} : { handshake: error }),
      ...why,
    })
  }
}
