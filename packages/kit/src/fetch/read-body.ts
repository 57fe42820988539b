/** The bytes of an answer, bounded before and after decompression. */
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { refused } from '../errors.ts'

const DECODERS = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

const tooLong = () => refused('fetch_too_long', 'The other server answered with too many bytes.', { status: 400 })

export const readBounded = async (body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > maxBytes) throw tooLong()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export const decompress = async (bytes: Buffer, coding: string | undefined, maxBytes: number): Promise<Buffer> => {
  const name = coding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity' || bytes.length === 0) return bytes
  if (!Object.hasOwn(DECODERS, name)) throw refused('fetch_coding', 'Unknown content coding.', { status: 400 })
  try {
    return await DECODERS[name as keyof typeof DECODERS](bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLong()
    throw refused('fetch_coding', 'The compressed answer is broken.', { status: 400, cause: error })
  }
}
