/** What a ledger in rows asks of a database. Small on purpose: one table for the head, one for batches, one for tiles. */

/** A size of the tree with its root (32 bytes) and the signature of that checkpoint (64 bytes). */
export interface RowHead {
  readonly size: number
  readonly root: Uint8Array
  readonly signature: Uint8Array
}

/** One batch: a frame as it would lie in a segment, entries and signed checkpoint. */
export interface RowBatch {
  readonly first: number
  /** Of the tree after it. */
  readonly size: number
  /** Made anew for every batch that is tried; by it its maker finds out whether it happened. */
  readonly token: string
  readonly frame: Uint8Array
}

export interface RowTile {
  readonly level: number
  readonly n: number
  /** 256 hashes. */
  readonly hashes: Uint8Array
}

/** The code of a commit on the right head, for whose batch there is no place. */
export const ROW_AT_HEAD = 'ledger_rows_beyond_head'

export interface RowChange {
  /** INVARIANT: the head is replaced only while it is exactly this one. */
  readonly from: RowHead
  readonly to: RowHead
  readonly batch: RowBatch
  /** Tiles that the batch fills up. */
  readonly tiles: readonly RowTile[]
  /** Who writes; refused while somebody else has the turn. The turn ends with the change. */
  readonly writer: string
  /** The takeover that this change is part of: refused unless the head owes exactly it; of others, while it owes one. */
  readonly owed?: Owed
}

/**
 * A log that was elsewhere and is being taken over. INVARIANT: from the first of its entries to its last, nobody appends
 * anything else, whatever happens to the one who began.
 */
export interface Owed {
  readonly size: number
  readonly root: Uint8Array
  /** Who has the entries that are missing: for whoever is refused meanwhile. */
  readonly by: string
}

export interface Looking {
  /** Batches from this size on, in order, at most `most`. */
  readonly after: number
  readonly most: number
  /** Takes the turn for this writer when nobody has it, or when `instead` has it. */
  readonly turn?: { readonly writer: string; readonly instead?: string }
}

export interface Looked {
  readonly head: RowHead
  /** May reach beyond the head when somebody writes at this moment. */
  readonly batches: readonly RowBatch[]
  /** Whose turn it is; undefined: anybody's. */
  readonly turn: string | undefined
  readonly owed: Owed | undefined
}

/**
 * Every method is one transaction. When it throws, whether anything was changed is unknown.
 * NOTE: what comes back is checked by the ledger; whoever can write the rows is not believed.
 */
export interface LedgerRows {
  /** Makes the empty log unless there is one; answers origin and first signature of the one that is there. */
  begin(log: RowOrigin): Promise<RowOrigin>
  look(options: Looking): Promise<Looked>
  /**
   * False: the head is another, it is somebody else's turn, or it owes a takeover, and nothing happened. A change that
   * reaches size and root of what is owed settles it. Throws `ROW_AT_HEAD` when a batch lies where this one belongs.
   */
  commit(change: RowChange): Promise<boolean>
  /** Notes the takeover at this head. False, when the head is another, or owes neither nothing nor `instead`. */
  owe(from: RowHead, owed: Owed, instead: Owed): Promise<boolean>
  /** This writer has no use for the turn it may have. */
  endTurn(writer: string): Promise<void>
  /** The batches that hold the entries from `from` up to, not including, `to`, in order, at most `most`. */
  batches(from: number, to: number, most: number): Promise<readonly RowBatch[]>
  tile(level: number, n: number): Promise<Uint8Array | undefined>
  /** Puts derived tiles back that were damaged. */
  putTiles(tiles: readonly RowTile[]): Promise<void>
}

export interface RowOrigin {
  readonly origin: string
  /** Of the empty tree. */
  readonly root: Uint8Array
  /** Of the checkpoint of the empty tree. */
  readonly signature: Uint8Array
}
