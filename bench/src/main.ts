/** `npm run bench [-- NAME] [--quick] [--json] [--write]`: figures with targets; exit status 1 when one is missed. */
import type { Bench, Context, World } from './benches/bench.ts'
import { openWorld } from './benches/bench.ts'
import { call } from './benches/call.ts'
import { guard } from './benches/guard.ts'
import { issue } from './benches/issue.ts'
import { memory } from './benches/memory.ts'
import { policy } from './benches/policy.ts'
import { policyHttp } from './benches/policy-http.ts'
import { proxies } from './benches/proxies.ts'
import { start } from './benches/start.ts'
import type { Figure } from './figure.ts'
import { pinned } from './measure/processes.ts'
import { machine, rows, writePage } from './page.ts'

/** `guarded-call` is all of them. */
const PARTS: Readonly<Record<string, Bench>> = { guard, start, issue, call, proxies, memory }
/** Asked for by their own name only. */
const OTHERS: Readonly<Record<string, Bench>> = {
  policy: async (context) => [...(await policy(context)), ...(await policyHttp(context))],
  'policy-http': policyHttp,
}
const NAMES = ['guarded-call', ...Object.keys(PARTS), ...Object.keys(OTHERS)]

const FLAGS = ['--quick', '--json', '--write']

const chosen = (name: string): readonly Bench[] =>
  name === 'guarded-call' ? Object.values(PARTS) : [PARTS[name] ?? OTHERS[name]].filter((bench) => bench !== undefined)

const once = (open: () => Promise<World>) => {
  let world: Promise<World> | undefined
  return {
    get: () => {
      world ??= open()
      return world
    },
    close: async () => (await world)?.close(),
  }
}

const main = async (args: readonly string[]): Promise<number> => {
  const flags = new Set(args.filter((arg) => arg.startsWith('--')))
  const [name = 'guarded-call', ...more] = args.filter((arg) => !arg.startsWith('--'))
  if (!NAMES.includes(name) || more.length > 0 || ![...flags].every((flag) => FLAGS.includes(flag))) {
    console.error(`bench [${NAMES.join(' | ')}] [--quick] [--json] [--write]`)
    return 2
  }
  const json = flags.has('--json')
  const notes: string[] = []
  const world = once(openWorld)
  const context: Context = {
    quick: flags.has('--quick'),
    say: (line) => console.error(line),
    note: (line) => {
      notes.push(line)
      console.error(`  ${line}`)
    },
    world: world.get,
  }
  const figures: Figure[] = []
  // The server waits some seconds before it takes proofs without a nonce; what needs no server is measured meanwhile.
  if (name === 'guarded-call') void world.get().catch(() => undefined)
  if (!pinned) console.error('taskset is missing: nothing is pinned to a core, and figures vary more')
  for (const bench of chosen(name)) {
    for (const figure of await bench(context)) {
      figures.push(figure)
      if (json) console.log(JSON.stringify(figure))
    }
  }
  await world.close()
  if (!json) console.log([machine(), ...rows(figures)].join('\n'))
  if (flags.has('--write')) writePage(figures, notes)
  return figures.every(({ ok }) => ok) ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
