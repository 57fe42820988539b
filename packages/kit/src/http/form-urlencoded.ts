/** `application/x-www-form-urlencoded`, of queries and of bodies, without leniency in decoding. */
import { refused } from '../errors.ts'
import { Params } from './params.ts'

const MAX_PARAMETERS = 200

const invalid = () =>
  refused('parameters_invalid', 'The parameters are not valid percent-encoded UTF-8.', {
    status: 400,
    standard: 'invalid_request',
  })

const decode = (text: string): string => {
  if (!/[%+]/.test(text) && !text.includes('\u0000')) return text
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '))
    if (!decoded.includes('\u0000')) return decoded
  } catch {
    // Falls through to the refusal.
  }
  throw invalid()
}

const pair = (piece: string): readonly [string, string] => {
  const equals = piece.indexOf('=')
  return equals === -1 ? [decode(piece), ''] : [decode(piece.slice(0, equals)), decode(piece.slice(equals + 1))]
}

export const parseFormUrlencoded = (text: string): Params => {
  if (!text.isWellFormed()) throw invalid()
  const pieces = text.split('&', MAX_PARAMETERS + 1).filter((piece) => piece !== '')
  if (pieces.length > MAX_PARAMETERS) {
    throw refused('parameters_too_many', 'Too many parameters.', { status: 400, standard: 'invalid_request' })
  }
  return new Params(pieces.map(pair))
}
