/** What a new domain is given: an owner called operator, and the built-in agent whose key file the CLI uses. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { bug } from '@credence/kit'
import type { AgentId } from '@credence/model'
import { publicJwkOf } from '@credence/protocol/jose'
import { z } from 'zod'
import type { Core } from '../core.ts'
import { readPrivateFile, writePrivateFile } from '../keys/private-file.ts'
import { acceptKey, findAgent, newAgent } from '../registry/agents.ts'
import { createOwner } from '../registry/owners.ts'

/** `operator.json` in the data directory, 0600. Whoever can read it is the operator of the domain. */
export interface OperatorFile {
  readonly issuer: string
  readonly clientId: string
  /** Private key as a JWK (P-256). */
  readonly privateJwk: Record<string, unknown>
}

const OperatorShape = z.object({
  issuer: z.string(),
  clientId: z.string(),
  privateJwk: z.record(z.string(), z.unknown()),
})

export const operatorPath = (dataDir: string): string => join(dataDir, 'operator.json')

export const readOperator = (dataDir: string): OperatorFile | undefined => {
  const found = readPrivateFile(operatorPath(dataDir))
  return found === undefined ? undefined : OperatorShape.parse(JSON.parse(found.toString('utf8')))
}

const privateJwk = (key: KeyObject): Record<string, unknown> => ({ ...key.export({ format: 'jwk' }) })

/** The row first, the file second: after a crash between them the next start makes another; a row without a key can do nothing. */
export const ensureOperator = async (core: Core, dataDir: string): Promise<OperatorFile> => {
  const known = readOperator(dataDir)
  if (known !== undefined && (await findAgent(core, known.clientId)) !== undefined) return known
  if (known !== undefined) throw bug('operator_unknown', 'operator.json names an agent that this domain does not have')
  const pair = core.keys.es256()
  const owner = await createOwner(core, { name: 'operator', kind: 'team' })
  const made = newAgent(core, {
    name: 'operator',
    owner: owner.id,
    keys: [acceptKey(publicJwkOf(pair.publicKey))],
    grantTypes: ['client_credentials'],
    role: 'operator',
  })
  const file: OperatorFile = {
    issuer: core.domain.issuer,
    clientId: made.id satisfies AgentId,
    privateJwk: privateJwk(pair.privateKey),
  }
  await core.db.atomically(made.statements)
  writePrivateFile(operatorPath(dataDir), `${JSON.stringify(file, null, 2)}\n`)
  return file
}

export const operatorKey = (file: OperatorFile): KeyObject =>
  createPrivateKey({ key: file.privateJwk as never, format: 'jwk' })
