/** What arrived at a door, before anybody believed any of it. */
import { createSeal } from './seal.ts'

const PRESENTED: unique symbol = Symbol('presented')

export interface Presented<Input> {
  readonly [PRESENTED]: true
  readonly input: Input
  /** Trace id that the caller sent: a hint to join records by, never trusted. */
  readonly trace: string | undefined
}

const seal = createSeal()

export const isPresented = (value: object): boolean => seal.isOn(value)

export const present = <Input>(input: Input, trace?: string): Presented<Input> => {
  const stage: Presented<Input> = { [PRESENTED]: true, input, trace }
  return Object.freeze(seal.put(stage, undefined))
}
