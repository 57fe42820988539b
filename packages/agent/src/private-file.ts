/** Files that their owner alone can read. */
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { refused } from '@credence/kit'

const OTHERS = 0o077

/**
 * The content, or undefined when there is no such file. INVARIANT: what is judged is what is read: one open file.
 * > 0600: a key that others can read is not a key.
 */
export const readPrivateFile = async (file: string): Promise<string | undefined> => {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return undefined
  try {
    const { mode } = await handle.stat()
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0)
      throw refused('key_file_open', `The file ${file} can be read by others. Run: chmod 600 ${file}`)
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/** A new file, on the disk when this resolves. An existing one is an error. */
export const writeNewPrivateFile = async (file: string, content: string | Buffer): Promise<void> => {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.chmod(0o600)
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export const makePrivateFolderOf = async (file: string): Promise<void> => {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
}
