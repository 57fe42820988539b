/** The process that makes the load. It signs when told to prepare, and sends when told to run. */
import { run } from './client.ts'
import { accessToken, makeRequests, type Plan } from './requests.ts'

export type Order =
  | { readonly do: 'prepare'; readonly plan: Plan; readonly count: number }
  | { readonly do: 'run'; readonly port: number; readonly connections: number }
  | { readonly do: 'token'; readonly plan: Extract<Plan, { readonly kind: 'token' }> }

let prepared: readonly Buffer[] = []

const obey = async (order: Order): Promise<unknown> => {
  if (order.do === 'token') return accessToken(order.plan)
  if (order.do === 'run') return run(order.port, prepared, order.connections)
  prepared = await makeRequests(order.plan, order.count)
  return prepared.length
}

process.on('message', (order: Order | string) => {
  if (typeof order === 'string') return
  obey(order).then(
    (done) => process.send?.({ done }),
    (error: unknown) => {
      process.stderr.write(String(error))
      process.exit(1)
    },
  )
})
process.channel?.ref()
process.send?.({ ready: true })
