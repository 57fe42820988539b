/**
 * One listener before several processes of this machine: each connection goes to the next of them that takes it. It reads
 * nothing, so that TLS, headers and bodies arrive as they were sent.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { cannotListen } from './host.ts'

export interface Spread {
  close(): Promise<void>
}

const join = (near: Socket, far: Socket): void => {
  near.pipe(far)
  far.pipe(near)
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
}

/** To the first that takes the connection, beginning with the one whose turn it is. */
const offer = (near: Socket, ports: readonly number[], first: number, tried = 0): void => {
  if (tried === ports.length) return void near.destroy()
  const far = connect(ports[(first + tried) % ports.length] ?? 0, '127.0.0.1')
  const next = (): void => offer(near, ports, first, tried + 1)
  far.once('error', next)
  far.once('connect', () => {
    far.removeListener('error', next)
    join(near, far)
  })
}

const listening = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(cause, port)))
    server.listen(port, host, () => resolve())
  })

export const spread = async (ports: readonly number[], port: number, host: string): Promise<Spread> => {
  const open = new Set<Socket>()
  let turn = 0
  const server = createServer((near) => {
    open.add(near)
    near.on('close', () => open.delete(near))
    near.on('error', () => near.destroy())
    turn += 1
    offer(near, ports, turn)
  })
  await listening(server, port, host)
  return {
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of open) socket.destroy()
      return closed
    },
  }
}
