import type { Operation } from '@credence/model'
import { operation } from './ports.ts'

export const grab = ({ subject }: Operation) => {
  subject.sub = 'root' // TS2540
}
grab(operation.operation)
