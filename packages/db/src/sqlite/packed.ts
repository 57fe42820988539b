/**
 * Jobs as one flat list for the way to the writing thread: what is copied between threads costs by the number of its
 * objects, and a claim's hash as bytes of its own costs more than the rest of its statement.
 *
 * A job is the number of its statements, whether it reduces authority, and for each statement text, expectation, number
 * of parameters and the parameters. Bytes are `undefined` and a string of their codes; no parameter is `undefined`.
 */
import type { Value } from '../types.ts'
import type { Job } from './messages.ts'

export type Packed = readonly (Value | boolean | undefined)[]

const packValue = (into: (Value | boolean | undefined)[], value: Value): void => {
  if (value instanceof Uint8Array) {
    into.push(undefined, Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1'))
  } else into.push(value)
}

export const packJobs = (jobs: readonly Job[]): Packed => {
  const packed: (Value | boolean | undefined)[] = []
  for (const { texts, parameters, expects, reducesAuthority } of jobs) {
    packed.push(texts.length, reducesAuthority)
    texts.forEach((text, at) => {
      const values = parameters[at] ?? []
      packed.push(text, expects[at] as number, values.length)
      for (const value of values) packValue(packed, value)
    })
  }
  return packed
}

export const unpackJobs = (packed: Packed): Job[] => {
  let at = 0
  const next = () => packed[at++]
  const value = (): Value => {
    const one = next()
    return one === undefined ? Buffer.from(String(next()), 'latin1') : (one as Value)
  }
  const jobs: Job[] = []
  while (at < packed.length) {
    const count = Number(next())
    const job = {
      texts: [] as number[],
      parameters: [] as Value[][],
      expects: [] as number[],
      reducesAuthority: next() === true,
    }
    for (let statement = 0; statement < count; statement += 1) {
      job.texts.push(Number(next()))
      job.expects.push(Number(next()))
      job.parameters.push(Array.from({ length: Number(next()) }, value))
    }
    jobs.push(job)
  }
  return jobs
}
