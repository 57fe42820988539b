/** Errors in the words of Authorization API 1.0: a status and a message string. A deny is never one. */
import { isCredenceError, refused } from '@credence/kit'
import type { Handler } from '@credence/kit/http'

/** > The PDP MUST return HTTP 400 when the request `Content-Type` is not `application/json`. (certification scenario) */
export const badTypeIsBadRequest =
  (handler: Handler): Handler =>
  async (edge) => {
    try {
      return await handler(edge)
    } catch (error) {
      if (!isCredenceError(error) || error.code !== 'media_type_unsupported') throw error
      throw refused('authzen_request_malformed', 'The request must be application/json.', { status: 400, cause: error })
    }
  }
