/** The witnesses of the domain's ledger, from the file that `witnesses` names. */
import { readFileSync } from 'node:fs'
import { refused } from '@credence/kit'
import { parseTlogPolicy, type TlogPolicy } from '@credence/protocol/c2sp'
import type { Settings } from '../settings.ts'

export const readTlogPolicy = (file: string): TlogPolicy => {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw refused('witnesses_unreadable', `${file} cannot be read.`, { status: 400, cause })
  }
  return parseTlogPolicy(text)
}

/** Absent: nobody is asked. A file that names nobody who can be asked is a mistake. */
export const witnessesOf = ({ witnesses }: Settings): { readonly witnesses?: TlogPolicy } => {
  if (witnesses === undefined) return {}
  const policy = readTlogPolicy(witnesses)
  if (!policy.witnesses.some(({ url }) => url !== undefined)) {
    throw refused('config_invalid', `witnesses: ${witnesses} names no witness with a URL, so nobody can be asked.`, {
      status: 400,
    })
  }
  return { witnesses: policy }
}
