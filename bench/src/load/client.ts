/** A closed loop over keep-alive connections: each sends its next request when the answer to the last one is complete. */
import { connect, type Socket } from 'node:net'

export interface RunResult {
  readonly calls: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Answers with 503: on a machine that stands still for most of a second a lease ends, and calls are refused. */
  readonly unavailable: number
}

const HEAD_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** Whether these bytes are a whole answer. */
const isComplete = (bytes: Buffer): boolean => {
  const end = bytes.indexOf(HEAD_END)
  if (end < 0) return false
  const head = bytes.toString('latin1', 0, end)
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (length !== undefined) return bytes.length >= end + 4 + Number(length)
  return bytes.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)
}

const isGood = (bytes: Buffer): boolean => bytes.toString('latin1', 9, 12) === '200' && !bytes.includes('"error"')

const isUnavailable = (bytes: Buffer): boolean => bytes.toString('latin1', 9, 12) === '503'

const open = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })

interface Loop {
  readonly next: () => Buffer | undefined
  readonly latencies: number[]
  readonly unavailable: () => void
}

const drive = (socket: Socket, { next, latencies, unavailable }: Loop): Promise<void> =>
  new Promise((resolve, reject) => {
    let received: Buffer | undefined
    let sentAt = 0
    const send = (): void => {
      const request = next()
      if (request === undefined) return void socket.end(resolve)
      sentAt = performance.now()
      socket.write(request)
    }
    socket.on('data', (piece: Buffer) => {
      received = received === undefined ? piece : Buffer.concat([received, piece])
      if (!isComplete(received)) return
      if (isUnavailable(received)) unavailable()
      else if (!isGood(received))
        return reject(new Error(`a request failed: ${received.toString('utf8').slice(0, 1000)}`))
      received = undefined
      latencies.push(performance.now() - sentAt)
      send()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the server closed a connection')))
    send()
  })

export const run = async (port: number, requests: readonly Buffer[], connections: number): Promise<RunResult> => {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)))
  const latencies: number[] = []
  let at = 0
  let refused = 0
  const loop: Loop = {
    next: () => requests[at++],
    latencies,
    unavailable: () => {
      refused += 1
    },
  }
  const started = performance.now()
  await Promise.all(sockets.map((socket) => drive(socket, loop)))
  const seconds = (performance.now() - started) / 1000
  latencies.sort((a, b) => a - b)
  const quantile = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0
  return { calls: requests.length, seconds, p50: quantile(0.5), p99: quantile(0.99), unavailable: refused }
}
