/** Whole files through the file layer. */
import type { FileLayer, LogFile } from './layer.ts'

/** A disk that takes no more bytes and says no reason. */
export class ShortWrite extends Error {
  override readonly name = 'ShortWrite'
}

/** Writes all of it, however the file layer portions it. */
export const writeAll = async (file: LogFile, bytes: Uint8Array, position: number): Promise<void> => {
  let done = 0
  while (done < bytes.length) {
    const wrote = await file.write(done === 0 ? bytes : bytes.subarray(done), position + done)
    if (wrote <= 0) throw new ShortWrite('the disk took no more bytes')
    done += wrote
  }
}

export const readAt = async (file: LogFile, position: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(length)
  let done = 0
  while (done < length) {
    const got = await file.read(bytes.subarray(done), position + done)
    if (got <= 0) break
    done += got
  }
  return bytes.subarray(0, done)
}

export const readFile = async (files: FileLayer, path: string): Promise<Buffer> => {
  const file = await files.open(path, 'read')
  try {
    return await readAt(file, 0, await file.size())
  } finally {
    await file.close()
  }
}

/** Readers see the old file or the new one, never half of it. */
export const replaceFile = async (files: FileLayer, path: string, bytes: Uint8Array): Promise<void> => {
  const temporary = `${path}.tmp`
  const file = await files.create(temporary)
  try {
    await writeAll(file, bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await files.rename(temporary, path)
}
