/**
 * The agent's key on this host. INVARIANT: the private key is in a file that its owner alone can read, and leaves this
 * module only as a signer: nothing that a model sees, and no token request, ever holds it.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { link, rm } from 'node:fs/promises'
import { type KeyMaker, refused } from '@credence/kit'
import { type JwsSigner, signerOf } from '@credence/protocol/jose'
import { makePrivateFolderOf, readPrivateFile, writeNewPrivateFile } from './private-file.ts'

const keyOf = (pem: string, file: string): KeyObject => {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw refused('key_file_invalid', `The key file ${file} does not hold a private key in PEM.`, { cause })
  }
}

/** The signer of an existing key file (PKCS #8 PEM, P-256). */
export const loadSigner = async (file: string): Promise<JwsSigner> => {
  const pem = await readPrivateFile(file)
  if (pem === undefined) throw refused('key_file_missing', `There is no key file ${file}.`)
  return signerOf(keyOf(pem, file))
}

let count = 0

/** INVARIANT: a key file appears with its whole content, by a link: a reader or a crash never leaves half of one. */
const createKey = async (file: string, keys: KeyMaker): Promise<void> => {
  count += 1
  const draft = `${file}.${process.pid}.${count}.new`
  await rm(draft, { force: true })
  await writeNewPrivateFile(draft, keys.es256().privateKey.export({ type: 'pkcs8', format: 'pem' }))
  try {
    await link(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** The signer of the key file; makes the key when there is no file. All who race for it get the same key. */
export const loadOrCreateSigner = async (file: string, keys: KeyMaker): Promise<JwsSigner> => {
  const existing = await readPrivateFile(file)
  if (existing !== undefined) return signerOf(keyOf(existing, file))
  await makePrivateFolderOf(file)
  await createKey(file, keys)
  return await loadSigner(file)
}
