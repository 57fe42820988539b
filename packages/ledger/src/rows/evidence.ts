/**
 * The newest checkpoint that this node has seen, kept in a file of its own: evidence against a database that was put back
 * to an earlier state, or in which the tail was cut off together with the head.
 */
import { dirname } from 'node:path'
import { refused } from '@credence/kit'
import type { CheckpointKey, TreeHead } from '../checkpoint.ts'
import type { FileLayer } from '../files/layer.ts'
import { isMissing } from '../files/node-files.ts'
import { readFile, replaceFile } from '../files/whole.ts'

export class Evidence {
  readonly #files: FileLayer
  readonly #path: string
  readonly #everyMs: number
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(files: FileLayer, path: string, everyMs: number, onError: (error: unknown) => void) {
    this.#files = files
    this.#path = path
    this.#everyMs = everyMs
    this.#onError = onError
  }

  async read(key: CheckpointKey): Promise<TreeHead | undefined> {
    let note: Buffer
    try {
      note = await readFile(this.#files, this.#path)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
    try {
      return key.open(note.toString('utf8'))
    } catch (cause) {
      throw refused('ledger_checkpoint_foreign', `${this.#path} is not a checkpoint of this ledger.`, { cause })
    }
  }

  write(note: string): Promise<void> {
    this.#writing = this.#writing
      .catch(() => undefined)
      .then(async () => {
        await this.#files.makeDirectory(dirname(this.#path))
        await replaceFile(this.#files, this.#path, Buffer.from(note, 'utf8'))
      })
    return this.#writing
  }

  /** Now and then while the log grows. */
  later(note: () => string): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.write(note()).catch(this.#onError)
    }, this.#everyMs).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
