/** The same echo server over stdio, in the revision of 2025. */
import { createInterface } from 'node:readline'
import { answerTo } from './echo.ts'

createInterface({ input: process.stdin }).on('line', (line) => {
  const answer = answerTo(line, false)
  if (answer !== undefined) process.stdout.write(`${answer}\n`)
})
