/**
 * `npm run fuzz -- NAME [--cases N] [--seed S]` and `npm run soak -- NAME [--rounds N]`: the property tests and the
 * crash tests of the test command, for as long as one likes. They print seed and what was covered.
 */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = join(import.meta.dirname, '..')

interface Kind {
  readonly option: 'cases' | 'rounds'
  readonly usual: number
  readonly variable: string
  readonly names: Readonly<Record<string, readonly string[]>>
}

export const KINDS: Readonly<Record<string, Kind>> = {
  fuzz: {
    option: 'cases',
    usual: 100_000,
    variable: 'CREDENCE_FUZZ_CASES',
    names: {
      json: ['packages/kit/src/json/strict.test.ts', 'packages/kit/src/json/canonical.test.ts'],
      jws: ['packages/protocol/src/jose/jws.test.ts'],
      policy: ['packages/policy/src/differential.test.ts'],
      revocation: ['packages/sync/src/revocation-index.test.ts'],
      sse: ['packages/kit/src/sse/sse.test.ts'],
      subset: ['packages/model/src/model.test.ts'],
    },
  },
  soak: {
    option: 'rounds',
    usual: 200,
    variable: 'CREDENCE_SOAK_ROUNDS',
    names: {
      authority: ['packages/authority/src/kill.test.ts'],
      ledger: ['packages/ledger/src/kill.test.ts'],
      'ledger-rows': ['packages/authority/src/ledger/nodes.test.ts'],
    },
  },
}

const usage = (kind: string, { option, names }: Kind): string =>
  `Usage: npm run ${kind} -- NAME [--${option} N]${kind === 'fuzz' ? ' [--seed S]' : ''}\nNAME is one of: ${Object.keys(names).join(', ')}`

const main = (): number => {
  const [word = '', ...rest] = process.argv.slice(2)
  const kind = KINDS[word]
  if (kind === undefined) throw new TypeError('fuzz or soak')
  const { values, positionals } = parseArgs({
    args: rest,
    allowPositionals: true,
    options: { cases: { type: 'string' }, rounds: { type: 'string' }, seed: { type: 'string' } },
  })
  const files = kind.names[positionals[0] ?? '']
  if (files === undefined) {
    console.error(usage(word, kind))
    return 2
  }
  const seed = values.seed ?? String(randomInt(2 ** 31 - 1))
  const count = values[kind.option] ?? String(kind.usual)
  console.log(`${word} ${positionals[0]}: ${kind.option} ${count}, seed ${seed}`)
  const env = { ...process.env, [kind.variable]: count, CREDENCE_FUZZ_SEED: seed }
  const run = spawnSync(process.execPath, ['--test', '--test-timeout=86400000', ...files], {
    cwd: ROOT,
    env,
    stdio: 'inherit',
  })
  console.log(
    `${word} ${positionals[0]}: ${run.status === 0 ? 'nothing found' : 'something was found'}; repeat with --seed ${seed}`,
  )
  return run.status ?? 1
}

if (process.argv[1] === import.meta.filename) process.exitCode = main()
