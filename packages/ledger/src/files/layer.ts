/** The few file operations the ledger stands on, small enough to be replaced by one that tears, fills up or forgets. */
export interface LogFile {
  /** May write fewer bytes than asked for; answers how many. */
  write(bytes: Uint8Array, position: number): Promise<number>
  /** Everything written before is on stable storage when it resolves. Does nothing where `write` itself is durable. */
  sync(): Promise<void>
  /** Fills `into` from `position`; answers how many bytes there were. */
  read(into: Uint8Array, position: number): Promise<number>
  size(): Promise<number>
  close(): Promise<void>
}

export interface FileLayer {
  makeDirectory(path: string): Promise<void>
  /** Names in a directory; empty when there is none. */
  list(path: string): Promise<readonly string[]>
  create(path: string): Promise<LogFile>
  open(path: string, mode: 'read' | 'write'): Promise<LogFile>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes creations and renames in a directory durable. */
  syncDirectory(path: string): Promise<void>
}
