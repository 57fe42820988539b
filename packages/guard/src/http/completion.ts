import type { ServerResponse } from 'node:http'
import type { Completion } from '../stages/outcome.ts'

/** How it went, told by the status that was answered. */
export const completionOf = (status: number): Completion =>
  status < 400 ? { status: 'done' } : { status: status < 500 ? 'failed' : 'unknown', code: `http_${status}` }

/** Settles when the answer has left, or when the caller went away before it could. */
export const whenAnswered = (response: ServerResponse): Promise<Completion> =>
  new Promise((resolve) => {
    response.once('finish', () => resolve(completionOf(response.statusCode)))
    response.once('close', () =>
      resolve(
        response.writableFinished ? completionOf(response.statusCode) : { status: 'unknown', code: 'caller_left' },
      ),
    )
  })
