/**
 * The derived files, written behind the log's back: full tiles as they fill up, the unfinished ones and the `checkpoint`
 * file now and then. Tiles are written in order, so that what is missing after a crash is a tail. Entry bundles are not
 * written: the segments hold every entry once, and `entryBundle` reads it from there.
 */
import { join } from 'node:path'
import type { FileLayer } from './files/layer.ts'
import { replaceFile } from './files/whole.ts'
import type { StoredRun } from './segment/segments.ts'
import { leafHashOf } from './tree/hash.ts'
import { hashTilePath, TILE_WIDTH, type TileStore, tileRoot } from './tree/tiles.ts'

export interface PublisherOptions {
  readonly files: FileLayer
  readonly dir: string
  readonly tiles: TileStore
  readonly read: (from: number, to: number) => AsyncIterable<StoredRun>
  readonly onError: (error: unknown) => void
}

export class Publisher {
  readonly #options: PublisherOptions
  /** One background task at a time. */
  #last: Promise<void> = Promise.resolve()

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Resolves when all full tiles of this moment are on disk. */
  drain(): Promise<void> {
    return this.#enqueue(() => this.#writeFull())
  }

  /** The checkpoint is written last: whoever reads it finds every tile it needs. */
  publish(checkpoint: () => string): Promise<void> {
    return this.#enqueue(async () => {
      const partials = this.#options.tiles.partials()
      const note = checkpoint()
      await this.#writeFull()
      for (const { level, n, hashes } of partials) {
        if (hashes.length > 0)
          await this.#put(hashTilePath(level, n, hashes.length), Buffer.from(hashes.join(''), 'latin1'))
      }
      await replaceFile(this.#options.files, join(this.#options.dir, 'checkpoint'), Buffer.from(note, 'utf8'))
      await this.#options.files.syncDirectory(this.#options.dir)
    })
  }

  /** Writes what an earlier run left out, from the newest tile back to the first that is there. */
  complete(size: number): Promise<void> {
    return this.#enqueue(async () => {
      const full = Math.floor(size / TILE_WIDTH)
      let first = full
      while (first > 0 && !(await this.#has(hashTilePath(0, first - 1)))) first -= 1
      for (let n = first; n < full; n += 1) await this.#put(hashTilePath(0, n), await this.#leavesOf(n))
      for (let level = 1; TILE_WIDTH ** (level + 1) <= size; level += 1) await this.#completeLevel(level, size)
    })
  }

  async #completeLevel(level: number, size: number): Promise<void> {
    const { tiles } = this.#options
    for (let n = Math.floor(size / TILE_WIDTH ** (level + 1)) - 1; n >= 0; n -= 1) {
      if (await this.#has(hashTilePath(level, n))) return
      const hashes: string[] = []
      for (let child = n * TILE_WIDTH; child < (n + 1) * TILE_WIDTH; child += 1) {
        hashes.push(tileRoot(await tiles.tile(level - 1, child)))
      }
      await this.#put(hashTilePath(level, n), Buffer.from(hashes.join(''), 'latin1'))
    }
  }

  async #writeFull(): Promise<void> {
    for (const tile of [...this.#options.tiles.waiting()]) await this.#options.tiles.write(tile)
  }

  async #leavesOf(n: number): Promise<Buffer> {
    const leaves: string[] = []
    for await (const { entries } of this.#options.read(n * TILE_WIDTH, (n + 1) * TILE_WIDTH)) {
      for (const prefixed of entries) leaves.push(leafHashOf(prefixed))
    }
    return Buffer.from(leaves.join(''), 'latin1')
  }

  async #has(path: string): Promise<boolean> {
    try {
      const file = await this.#options.files.open(join(this.#options.dir, path), 'read')
      await file.close()
      return true
    } catch {
      return false
    }
  }

  #put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#options.tiles.put(path, bytes)
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    const done = this.#last.then(task)
    this.#last = done.catch(this.#options.onError)
    return done
  }
}
