/** LISTEN on a connection of its own that comes back by itself. */
import pg from 'pg'

const SAFE_NAME = /^[a-z_][a-z0-9_]{0,62}$/

/** Names that need no quoting: what we put into SQL text is of this form or refused. */
export const isSafeName = (name: string): boolean => SAFE_NAME.test(name)

const AGAIN_MS = [50, 100, 250, 500, 1_000]

export interface Listening {
  stop(): Promise<void>
}

/** The listener is also called after every connect, with an empty text: something may have been missed before. */
export const listenOn = (config: pg.ClientConfig, channel: string, listener: (payload: string) => void): Listening => {
  let stopped = false
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let failures = 0

  const again = (): void => {
    if (stopped || timer !== undefined) return
    timer = setTimeout(
      () => {
        timer = undefined
        void connect()
      },
      AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)],
    )
    timer.unref()
    failures += 1
  }

  const connect = async (): Promise<void> => {
    const mine = new pg.Client(config)
    client = mine
    mine.on('error', () => undefined)
    mine.on('end', again)
    mine.on('notification', (message) => listener(message.payload ?? ''))
    try {
      await mine.connect()
      await mine.query(`LISTEN ${channel}`)
      failures = 0
      listener('')
    } catch {
      await mine.end().catch(() => undefined)
      again()
    }
  }
  void connect()

  return {
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await client?.end().catch(() => undefined)
    },
  }
}
