/** `/v1/audit`: the end of the ledger, one task, and proofs that anybody can check offline. */
import { refused, toBase64url } from '@credence/kit'
import type { RecordKind } from '@credence/model'
import { parseCheckpoint, parseNote } from '@credence/protocol/c2sp'
import { z } from 'zod'
import type { AdminDeps } from './deps.ts'
import { type Asked, type Endpoint, endpoint } from './endpoint.ts'

const count = (query: Readonly<Record<string, string>>): number => {
  const n = Number(query.n ?? 50)
  if (!Number.isInteger(n) || n < 1 || n > 1000)
    throw refused('count_invalid', 'n is a number from 1 to 1000.', { status: 400 })
  return n
}

const index = (text: string | undefined, below: number): number => {
  const n = Number(text)
  if (!/^\d{1,15}$/.test(text ?? '') || n >= below)
    throw refused('entry_unknown', 'There is no such entry.', { status: 404 })
  return n
}

/** `next`: where the page before this one ends; absent at the beginning of the ledger. */
const pageBefore = async (before: string, n: number, { auditIndex, ledger }: AdminDeps) => {
  await ledger.refresh()
  const end = index(before, Math.max(ledger.size(), 1) + 1)
  const next = Math.max(0, end - n)
  return { records: await auditIndex.page(end, n), ...(next === 0 ? {} : { next }) }
}

/** Against the newest checkpoint that enough witnesses cosigned, where it covers the entry; otherwise against the newest. */
const proof = async ({ params }: Asked<unknown>, { ledger, witnessing }: AdminDeps) => {
  await ledger.refresh()
  const checkpoint = ledger.checkpoint()
  const leaf = index(params.index, ledger.size())
  const witnessed = witnessing?.newest()
  const covered = witnessed !== undefined && leaf < witnessed.size
  const against = covered ? witnessed.checkpoint : checkpoint
  const { size } = parseCheckpoint(parseNote(against).text)
  const hashes = await ledger.inclusionProof(leaf, size)
  return {
    index: leaf,
    treeSize: size,
    entry: toBase64url(await ledger.entry(leaf)),
    hashes: hashes.map(toBase64url),
    checkpoint: against,
  }
}

const KINDS = ['intent', 'outcome', 'refusal', 'epoch', 'reduction', 'alert'] as const

export const auditEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => {
  const read = { method: 'GET', access: 'admin', consequential: false, operation: 'audit.read' } as const
  const query = z.record(z.string(), z.string())
  return [
    endpoint({
      ...read,
      path: '/v1/audit/records',
      name: 'audit.tail',
      summary: 'The newest records, oldest first; with `before` those before that place in the ledger',
      query,
      act: async ({ query: asked }) => {
        const kind = KINDS.find((one) => one === asked.kind) as RecordKind | undefined
        const n = count(asked)
        if (asked.before !== undefined) return pageBefore(asked.before, n, deps)
        return { records: await (kind === undefined ? deps.auditIndex.tail(n) : deps.auditIndex.byKind(kind, n)) }
      },
    }),
    endpoint({
      ...read,
      path: '/v1/audit/trace/:id',
      name: 'audit.trace',
      summary: 'Everything that belongs to a task, token, grant, agent, operation or record',
      target: ({ params }) => params.id ?? '',
      act: async ({ params }) => ({ records: await deps.auditIndex.trace(params.id ?? '') }),
    }),
    endpoint({
      ...read,
      path: '/v1/audit/proof/:index',
      name: 'audit.proof',
      summary: 'Inclusion proof of one entry, against a witnessed checkpoint where there is one',
      target: ({ params }) => params.index ?? '',
      act: (asked) => proof(asked, deps),
    }),
    endpoint({
      ...read,
      path: '/v1/audit/checkpoint',
      name: 'audit.checkpoint',
      summary: 'The newest signed checkpoint, and the newest that enough witnesses cosigned',
      act: async () => {
        await deps.ledger.refresh()
        const witnessed = deps.witnessing?.newest()
        return {
          checkpoint: deps.ledger.checkpoint(),
          size: deps.ledger.size(),
          ...(witnessed === undefined ? {} : { witnessed }),
        }
      },
    }),
  ]
}
