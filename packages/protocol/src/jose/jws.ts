/**
 * RFC 7515 compact serialization, the one narrow gate for everything signed.
 *
 * It will not follow `jku` or `x5u`, honour `jwk` or `x5c` as a source of trust, know any `crit` extension, take
 * unencoded payloads, or decrypt.
 */
import type { KeyObject } from 'node:crypto'
import { toBase64url } from '@credence/kit'
import { algOf, headerAgrees, type JwsAlg, signBytes, verifyBytes } from './algorithm.ts'
import { decodeSegment } from './base64.ts'
import { jwsRefused } from './errors.ts'
import { type JsonObject, parseJsonObject } from './json.ts'
import { type PublicJwk, publicJwkOf } from './jwk.ts'

export interface JwsHeader extends JsonObject {
  readonly alg: string
  readonly typ?: string
  readonly kid?: string
}

export interface ParsedJws {
  readonly header: JwsHeader
  readonly payload: Uint8Array
  readonly signature: Uint8Array
  readonly signingInput: Uint8Array
  /** The header's own segment: equal segments are equal headers. */
  readonly headerSegment: string
}

export interface VerifiedJws {
  readonly header: JwsHeader
  readonly payload: Uint8Array
  readonly key: KeyObject
}

export interface VerifiedJwt {
  readonly header: JwsHeader
  readonly claims: JsonObject
  readonly key: KeyObject
}

export interface VerifyOptions {
  readonly token: string
  /** The only `typ` that is accepted, compared exactly; several where a standard allows several; `undefined`: no `typ` may stand. */
  readonly typ: string | readonly (string | undefined)[] | undefined
  readonly key: KeyObject | ((header: JwsHeader) => KeyObject | undefined)
  readonly maxLength?: number
}

const MAXIMUM_LENGTH = 16_384
const MAXIMUM_KID = 256

/**
 * RFC 7515 sections 4.1.2 to 4.1.6 and 4.1.11, RFC 7797, RFC 7516: members that would name another key, another
 * encoding or another meaning.
 */
const REFUSED_MEMBERS = ['crit', 'b64', 'jku', 'x5u', 'x5c', 'zip', 'enc']

const checkHeader = (header: JsonObject, embeddedKey: boolean): JwsHeader => {
  for (const member of REFUSED_MEMBERS) {
    if (Object.hasOwn(header, member)) throw jwsRefused('jws_header_refused', `The header member ${member} is refused.`)
  }
  if (!embeddedKey && Object.hasOwn(header, 'jwk')) {
    throw jwsRefused('jws_header_refused', 'The header member jwk is refused.')
  }
  const { alg, typ, kid } = header
  if (typeof alg !== 'string') throw jwsRefused('jws_header_refused', 'The header names no algorithm.')
  if (typ !== undefined && typeof typ !== 'string') throw jwsRefused('jws_header_refused', 'The `typ` is not a string.')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length === 0 || kid.length > MAXIMUM_KID)) {
    throw jwsRefused('jws_header_refused', 'The `kid` is not usable.')
  }
  return header as JwsHeader
}

/** Where the two dots stand; a compact JWS has exactly two (RFC 7515 section 7.1). */
export const splitCompact = (token: string, maxLength = MAXIMUM_LENGTH): readonly [string, string, string] => {
  if (token.length > maxLength) throw jwsRefused('jws_malformed', 'The signed object is too long.')
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first <= 0 || second < 0 || token.indexOf('.', second + 1) >= 0 || second === token.length - 1) {
    throw jwsRefused('jws_malformed', 'Not a compact JWS.')
  }
  return [token.slice(0, first), token.slice(first + 1, second), token.slice(second + 1)]
}

export const parseHeader = (segment: string, embeddedKey = false): JwsHeader =>
  checkHeader(parseJsonObject(decodeSegment(segment, 'header'), 'jws_malformed', 'header'), embeddedKey)

const REMEMBERED = 1024
const REMEMBERED_LENGTH = 256
const remembered = new Map<string, JwsHeader>()

/** A signer writes the same header again and again. INVARIANT: only what was parsed and found good, by its whole text. */
const plainHeader = (segment: string): JwsHeader => {
  const known = remembered.get(segment)
  if (known !== undefined) return known
  const header = Object.freeze(parseHeader(segment))
  if (segment.length <= REMEMBERED_LENGTH) {
    if (remembered.size >= REMEMBERED) remembered.delete(remembered.keys().next().value ?? '')
    // NOTE: a copy; a slice would keep the whole token alive.
    remembered.set(Buffer.from(segment).toString(), header)
  }
  return header
}

const headerOf = (segment: string, options: ParseOptions): JwsHeader => {
  if (options.known?.segment === segment) return options.known.header
  return options.embeddedKey === true ? parseHeader(segment, true) : plainHeader(segment)
}

interface ParseOptions {
  readonly maxLength?: number
  readonly embeddedKey?: boolean
  /** A header that was parsed and judged before: an equal segment is not parsed again. */
  readonly known?: { readonly segment: string; readonly header: JwsHeader } | undefined
}

/** Parses and bounds without verifying: only for choosing a key or an error. `embeddedKey` is for DPoP alone. */
export const parseCompactJws = (token: string, options: ParseOptions = {}): ParsedJws => {
  const [head, body, tail] = splitCompact(token, options.maxLength)
  return {
    header: headerOf(head, options),
    payload: decodeSegment(body, 'payload'),
    signature: decodeSegment(tail, 'signature'),
    signingInput: Buffer.from(token.slice(0, head.length + 1 + body.length), 'latin1'),
    headerSegment: head,
  }
}

/** RFC 8725 section 3.11: explicit types keep one kind of token from passing for another. */
const checkType = (header: JwsHeader, typ: VerifyOptions['typ']): void => {
  const good = Array.isArray(typ) ? typ.includes(header.typ) : header.typ === typ
  if (!good) throw jwsRefused('jws_type_refused', 'This is not the kind of signed object that is wanted here.')
}

export const checkSignature = (key: KeyObject, parsed: ParsedJws): void => {
  if (!headerAgrees(algOf(key), parsed.header.alg)) {
    throw jwsRefused('jws_algorithm_refused', 'The algorithm is not the one of the key.')
  }
  if (!verifyBytes(key, parsed.signingInput, parsed.signature)) {
    throw jwsRefused('jws_signature_invalid', 'The signature is not valid.')
  }
}

export const verifyCompactJws = (options: VerifyOptions): VerifiedJws =>
  verifyParsedJws(
    parseCompactJws(options.token, options.maxLength === undefined ? {} : { maxLength: options.maxLength }),
    options,
  )

/** For who had to look inside before the key was known. */
export const verifyParsedJws = (parsed: ParsedJws, options: Pick<VerifyOptions, 'typ' | 'key'>): VerifiedJws => {
  checkType(parsed.header, options.typ)
  const key = typeof options.key === 'function' ? options.key(parsed.header) : options.key
  if (key === undefined) throw jwsRefused('jws_key_unknown', 'The signing key is not known.')
  checkSignature(key, parsed)
  return { header: parsed.header, payload: parsed.payload, key }
}

/** A JWS whose payload is one strict JSON object (RFC 7519 section 7.2). */
export const verifyJwt = (options: VerifyOptions): VerifiedJwt => {
  const { header, payload, key } = verifyCompactJws(options)
  return { header, claims: parseJsonObject(payload, 'jwt_payload_refused', 'payload'), key }
}

const encodeJson = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const encodePayload = (payload: object): string =>
  payload instanceof Uint8Array ? toBase64url(payload) : encodeJson(payload)

/** `alg` is added from the key and cannot be chosen. */
export const signCompactJws = (
  privateKey: KeyObject,
  header: { readonly typ?: string; readonly kid?: string; readonly jwk?: PublicJwk },
  payload: object,
): string => {
  const input = `${encodeJson({ ...header, alg: algOf(privateKey) })}.${encodePayload(payload)}`
  return `${input}.${toBase64url(signBytes(privateKey, Buffer.from(input, 'latin1')))}`
}

/** A signature that may be made elsewhere: in a keeper, a KMS, a token. The private key need not be in this process. */
export interface JwsSigner {
  readonly alg: JwsAlg
  readonly publicJwk: PublicJwk
  sign(input: Uint8Array): Uint8Array | Promise<Uint8Array>
}

export const signerOf = (privateKey: KeyObject): JwsSigner => ({
  alg: algOf(privateKey),
  publicJwk: publicJwkOf(privateKey),
  sign: (input) => signBytes(privateKey, input),
})

export const signJws = async (
  signer: JwsSigner,
  header: { readonly typ?: string; readonly kid?: string; readonly jwk?: PublicJwk },
  payload: object,
): Promise<string> => {
  const input = `${encodeJson({ ...header, alg: signer.alg })}.${encodePayload(payload)}`
  return `${input}.${toBase64url(await signer.sign(Buffer.from(input, 'latin1')))}`
}
