/** One tool call as bytes on the wire, for what a client library would never send. */

import { request } from 'node:http'
import { newId } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { createProof } from '@credence/protocol/dpop'
import type { JwsSigner } from '@credence/protocol/jose'

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: {
    readonly result?: {
      readonly content?: readonly { readonly text?: string }[]
      readonly tools?: readonly { readonly name: string }[]
    }
    readonly error?: { readonly message: string; readonly data?: { readonly code?: string; readonly reason?: string } }
  }
}

export interface RawCall {
  /** Resource identifier: what the client believes to call. */
  readonly resource: string
  /** Port that is really called: a load balancer would choose it. */
  readonly port: number
  readonly authorization: string
  readonly proof?: string
  readonly message: object
}

const parse = (text: string): RawAnswer['body'] => {
  const data = /^data: ?(.*)$/m.exec(text)?.[1] ?? text
  return data === '' ? {} : (JSON.parse(data) as RawAnswer['body'])
}

export const rawCall = ({ resource, port, authorization, proof, message }: RawCall): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    const { pathname, host } = new URL(resource)
    const headers = {
      host,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      authorization,
      ...(proof === undefined ? {} : { dpop: proof }),
    }
    const sent = request(
      { host: '127.0.0.1', port, path: pathname, method: 'POST', headers, timeout: 10_000 },
      (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => {
          text += chunk.toString()
        })
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: parse(text) }))
      },
    )
    sent.on('error', reject)
    sent.on('timeout', () => sent.destroy(new Error('no answer in ten seconds')))
    sent.end(JSON.stringify(message))
  })

export const proofFor = (signer: JwsSigner, resource: string, token: string, nonce?: string): Promise<string> =>
  createProof({
    signer,
    method: 'POST',
    url: resource,
    jti: newId('jti', nodeRandom),
    iat: Math.floor(nodeClock.now() / 1000),
    accessToken: token,
    ...(nonce === undefined ? {} : { nonce }),
  })

export interface Bound {
  readonly signer: JwsSigner
  readonly token: string
  readonly resource: string
}

export const toolCall = (name: string, args: object, id = 1): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})

const nonces = new Map<number, string>()

/** The newest nonce of the node behind this port, if it gave one. */
export const nonceAt = (port: number): string | undefined => nonces.get(port)

/** As an honest client: with a proof of its own, and the nonce that the node asks for. */
export const provenCall = async (bound: Bound, port: number, message: object): Promise<RawAnswer> => {
  for (let attempt = 0; ; attempt += 1) {
    const proof = await proofFor(bound.signer, bound.resource, bound.token, nonces.get(port))
    const answer = await rawCall({
      resource: bound.resource,
      port,
      authorization: `DPoP ${bound.token}`,
      proof,
      message,
    })
    const nonce = answer.headers['dpop-nonce']
    if (typeof nonce === 'string') nonces.set(port, nonce)
    const wanted = answer.status === 401 && String(answer.headers['www-authenticate']).includes('use_dpop_nonce')
    if (!wanted || attempt > 1) return answer
  }
}

/** Why it was refused, in the words of the answer. */
export const reasonOf = ({ status, body, headers }: RawAnswer): string => {
  const described = /error_description="([^"]*)"/.exec(String(headers['www-authenticate'] ?? ''))?.[1]
  const why = body.error?.data?.reason ?? described ?? body.error?.message ?? ''
  return `${status} ${body.error?.data?.code ?? ''} ${why}`.replace(/\s+/g, ' ').trim()
}
