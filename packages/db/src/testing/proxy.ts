/** Between a node and its PostgreSQL: answers that get lost, connections that break, a server that cannot be reached. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { TEST_POSTGRES } from './postgres.ts'

export interface PostgresProxy {
  readonly url: string
  /** Breaks every connection, before or after the server has the message. */
  cut(): void
  /** What the server answers does not arrive. */
  swallow(on: boolean): void
  /** After so many more bytes from the server the node reads nothing: buffers fill, and then the server waits. */
  pause(afterBytes: number): void
  resume(): void
  /** Connections are closed as soon as they are made. */
  refuse(on: boolean): void
  /** After so many more bytes from the node, nothing of it arrives: it lost its power while it was sending. */
  stall(afterBytes: number): void
  close(): Promise<void>
}

export const postgresProxy = async (): Promise<PostgresProxy> => {
  const to = new URL(TEST_POSTGRES)
  const sockets = new Set<Socket>()
  const servers = new Set<Socket>()
  let swallow = false
  let refuse = false
  let left = Number.POSITIVE_INFINITY
  let readable = Number.POSITIVE_INFINITY
  const server = createServer((near) => {
    if (refuse) return void near.destroy()
    const far = connect(Number(to.port || 5432), to.hostname)
    sockets.add(near).add(far)
    near.on('data', (chunk: Buffer) => {
      const arrives = chunk.subarray(0, Math.min(left, chunk.length))
      left -= arrives.length
      if (arrives.length > 0) far.write(arrives)
    })
    far.on('data', (chunk: Buffer) => {
      if (!swallow) near.write(chunk)
      readable -= chunk.length
      if (readable <= 0) far.pause()
    })
    servers.add(far)
    far.on('close', () => servers.delete(far))
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(TEST_POSTGRES)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  return {
    url: url.href,
    cut,
    swallow: (on) => {
      swallow = on
    },
    pause: (afterBytes) => {
      readable = afterBytes
    },
    resume: () => {
      readable = Number.POSITIVE_INFINITY
      for (const far of servers) far.resume()
    },
    stall: (afterBytes) => {
      left = afterBytes
    },
    refuse: (on) => {
      refuse = on
      if (on) cut()
    },
    close: async () => {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
