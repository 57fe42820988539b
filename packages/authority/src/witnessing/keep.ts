/** Where the witnessed checkpoint of a domain lies: beside its ledger, for whoever copies the folder to verify it. */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { WITNESSED_FILE } from '@credence/audit'

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Readers see the old checkpoint or the new one. Durable before it resolves. */
export const keepWitnessed = async (ledgerDir: string, checkpoint: string): Promise<void> => {
  const file = join(ledgerDir, WITNESSED_FILE)
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const handle = await open(`${file}.tmp`, 'w', 0o600)
  try {
    await handle.writeFile(checkpoint)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${file}.tmp`, file)
  await syncFolder(ledgerDir)
}

export const keptWitnessed = async (ledgerDir: string): Promise<string | undefined> => {
  try {
    return await readFile(join(ledgerDir, WITNESSED_FILE), 'utf8')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
}
