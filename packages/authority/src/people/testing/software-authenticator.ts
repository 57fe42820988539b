/** A passkey authenticator in software, for tests and scenarios that go through the public pages. */
import { createHash, type KeyObject, sign } from 'node:crypto'
import { fromBase64url, type KeyMaker, type Random, toBase64url } from '@credence/kit'

export interface CreationOptions {
  readonly challenge: string
  readonly rp: { readonly id?: string }
  readonly user: { readonly id: string }
}

export interface RequestOptions {
  readonly challenge: string
  readonly rpId?: string
}

/** What a test may bend. Default: everything as an honest authenticator does it. */
export interface AuthenticatorLevers {
  readonly origin?: string
  readonly userVerified?: boolean
  readonly userPresent?: boolean
  readonly rpId?: string
  readonly userHandle?: string
  readonly counter?: number
}

export interface SoftwareAuthenticator {
  create(options: CreationOptions, origin: string, levers?: AuthenticatorLevers): RegistrationAnswer
  get(options: RequestOptions, origin: string, levers?: AuthenticatorLevers): AuthenticationAnswer
}

interface AnswerBase {
  readonly id: string
  readonly rawId: string
  readonly type: 'public-key'
  readonly clientExtensionResults: Readonly<Record<string, never>>
}
export interface RegistrationAnswer extends AnswerBase {
  readonly response: {
    readonly clientDataJSON: string
    readonly attestationObject: string
    readonly transports: string[]
  }
}
export interface AuthenticationAnswer extends AnswerBase {
  readonly response: {
    readonly clientDataJSON: string
    readonly authenticatorData: string
    readonly signature: string
    readonly userHandle: string
  }
}

interface Held {
  readonly id: string
  readonly key: KeyObject
  readonly rpId: string
  readonly userHandle: string
  counter: number
}

type Cbor = number | string | Uint8Array | Map<number | string, Cbor>

const head = (major: number, value: number): Buffer => {
  if (value < 24) return Buffer.from([(major << 5) | value])
  if (value < 256) return Buffer.from([(major << 5) | 24, value])
  return Buffer.from([(major << 5) | 25, value >> 8, value & 255])
}

/** The few kinds that attestation needs (RFC 8949 section 3). */
const cbor = (value: Cbor): Buffer => {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  return Buffer.concat([head(5, value.size), ...[...value].flatMap(([name, one]) => [cbor(name), cbor(one)])])
}

/** RFC 9053 section 7.1.1: an EC2 key for ES256. */
const coseKey = (publicKey: KeyObject): Buffer => {
  const jwk = publicKey.export({ format: 'jwk' })
  return cbor(
    new Map<number, Cbor>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, fromBase64url(jwk.x ?? '')],
      [-3, fromBase64url(jwk.y ?? '')],
    ]),
  )
}

const clientData = (type: string, challenge: string, origin: string): Buffer =>
  Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }))

const authenticatorData = (rpId: string, counter: number, levers: AuthenticatorLevers, attested?: Buffer): Buffer => {
  const present = levers.userPresent === false ? 0 : 1
  const verified = levers.userVerified === false ? 0 : 4
  const flags = present | verified | (attested === undefined ? 0 : 64)
  const count = Buffer.alloc(4)
  count.writeUInt32BE(levers.counter ?? counter)
  const hash = createHash('sha256')
    .update(levers.rpId ?? rpId)
    .digest()
  return Buffer.concat([hash, Buffer.from([flags]), count, attested ?? Buffer.alloc(0)])
}

export const createSoftwareAuthenticator = (deps: {
  readonly keys: Pick<KeyMaker, 'es256'>
  readonly random: Random
}): SoftwareAuthenticator => {
  const held: Held[] = []
  return {
    create: (options, origin, levers = {}) => {
      const pair = deps.keys.es256()
      const idBytes = deps.random.bytes(32)
      const id = toBase64url(idBytes)
      const rpId = options.rp.id ?? new URL(origin).hostname
      held.push({ id, key: pair.privateKey, rpId, userHandle: options.user.id, counter: 0 })
      const length = Buffer.from([0, idBytes.length])
      const attested = Buffer.concat([Buffer.alloc(16), length, idBytes, coseKey(pair.publicKey)])
      const attestation = new Map<string, Cbor>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authenticatorData(rpId, 0, levers, attested)],
      ])
      const data = clientData('webauthn.create', options.challenge, levers.origin ?? origin)
      return {
        id,
        rawId: id,
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: toBase64url(data),
          attestationObject: toBase64url(cbor(attestation)),
          transports: ['internal'],
        },
      }
    },
    get: (options, origin, levers = {}) => {
      const rpId = options.rpId ?? new URL(origin).hostname
      const credential = held.find((one) => one.rpId === rpId)
      if (credential === undefined) throw new TypeError(`No passkey for ${rpId}`)
      credential.counter += 1
      const data = clientData('webauthn.get', options.challenge, levers.origin ?? origin)
      const authenticator = authenticatorData(rpId, credential.counter, levers)
      const signed = Buffer.concat([authenticator, createHash('sha256').update(data).digest()])
      return {
        id: credential.id,
        rawId: credential.id,
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: toBase64url(data),
          authenticatorData: toBase64url(authenticator),
          signature: toBase64url(sign('sha256', signed, credential.key)),
          userHandle: levers.userHandle ?? credential.userHandle,
        },
      }
    },
  }
}
