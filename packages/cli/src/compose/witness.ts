/** A witness in a process of its own: for somebody else's ledger, on somebody else's machine. */
import { isUtf8 } from 'node:buffer'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { refused } from '@credence/kit'
import { bindRoutes, createHttpServer, type EdgeRequest, type EdgeResponse } from '@credence/kit/http'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import type { Logger } from '@credence/kit/telemetry'
import { nodeFiles } from '@credence/ledger'
import { createWitness, openFolderWitnessStore, type Witness } from '@credence/ledger/witness'
import {
  ADD_CHECKPOINT_BYTES,
  type Cosigner,
  createWitnessVerifier,
  formatVerifierKey,
  type NoteVerifier,
} from '@credence/protocol/c2sp'
import { writePrivately } from '../private-files.ts'
import { listen, tlsOf } from './host.ts'

export interface WitnessSettings {
  /** Holds its key (0600) and what it cosigned last of each log. */
  readonly dir: string
  /** By convention a URL without scheme. Stays what it was at the first start. */
  readonly name: string
  readonly logs: readonly NoteVerifier[]
  readonly host: string
  readonly port: number
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
}

export interface RunningWitness {
  /** The C2SP verifier key that logs and auditors put into their policies. */
  readonly verifierKey: string
  readonly port: number
  close(): Promise<void>
}

/** INVARIANT: one key, one name: what an Ed25519 cosigner signs does not say who it is. */
const cosignerOf = ({ dir, name }: WitnessSettings): Cosigner => {
  const file = join(dir, 'witness.json')
  if (!existsSync(file)) {
    const key = nodeKeys.ed25519().privateKey.export({ format: 'jwk' })
    createWitnessVerifier(name, createPublicKey({ key, format: 'jwk' }))
    writePrivately(file, `${JSON.stringify({ name, key })}\n`)
  }
  const kept = JSON.parse(readFileSync(file, 'utf8')) as { name: string; key: object }
  if (kept.name !== name) {
    throw refused(
      'witness_name',
      `${file} is the key of ${kept.name}. A witness keeps its name; take another --dir for ${name}.`,
    )
  }
  return { name, privateKey: createPrivateKey({ key: kept.key as never, format: 'jwk' }) }
}

const TABLE = [
  {
    method: 'POST',
    path: '/add-checkpoint',
    name: 'witness.add',
    access: 'public',
    consequential: false,
    errors: 'text',
    maxBody: ADD_CHECKPOINT_BYTES,
  },
  {
    method: 'GET',
    path: '/:log/checkpoint',
    name: 'witness.checkpoint',
    access: 'public',
    consequential: false,
    errors: 'text',
  },
] as const

const PLAIN = 'text/plain; charset=utf-8'

/** > The text MUST be valid UTF-8. */
const textOf = (bytes: Uint8Array): string => {
  if (!isUtf8(bytes)) throw refused('encoding_invalid', 'The body is not UTF-8.', { status: 400 })
  return Buffer.from(bytes).toString('utf8')
}

const routesOf = (witness: Witness) =>
  bindRoutes(TABLE, {
    'witness.add': async (request: EdgeRequest): Promise<EdgeResponse> => {
      const { status, type, body } = await witness.addCheckpoint(textOf(await request.body()))
      return { status, headers: { 'content-type': type }, body }
    },
    'witness.checkpoint': async ({ params }: EdgeRequest): Promise<EdgeResponse> => {
      const note = await witness.checkpoint(params.log ?? '')
      if (note === undefined) throw refused('never_cosigned', 'This log was never cosigned here.', { status: 404 })
      return { status: 200, headers: { 'content-type': PLAIN }, body: note }
    },
  })

export const startWitness = async (settings: WitnessSettings, log: Logger): Promise<RunningWitness> => {
  const store = await openFolderWitnessStore(settings.dir, nodeFiles())
  try {
    const cosigner = cosignerOf(settings)
    const server = createHttpServer({
      routes: routesOf(createWitness({ cosigner, logs: settings.logs, store, clock: nodeClock })),
      ...tlsOf({ tlsCert: settings.tlsCert, tlsKey: settings.tlsKey }),
      log,
      clock: nodeClock,
      random: nodeRandom,
    })
    const port = await listen(server, settings.port, settings.host)
    const verifierKey = formatVerifierKey(createWitnessVerifier(cosigner.name, createPublicKey(cosigner.privateKey)))
    const close = async (): Promise<void> => {
      await server.close(2_000)
      store.close()
    }
    return { verifierKey, port, close }
  } catch (error) {
    store.close()
    throw error
  }
}
