import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command, Context } from '../command.ts'
import { usage } from '../errors.ts'
import { untilStopped } from '../until-stopped.ts'

const portOf = (context: Context): number => {
  const text = context.text('port') ?? '7423'
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw usage('--port: a number from 0 to 65535')
  return port
}

/** The key itself, or a file that holds it. */
const keyText = (given: string): string => (existsSync(given) ? readFileSync(given, 'utf8').trim() : given)

export const witness: Command = {
  name: 'witness',
  summary: "Cosign the checkpoints of somebody else's ledger",
  help: [
    'A witness (C2SP tlog-witness) sees sizes and hashes of a ledger, never a record, and cosigns a checkpoint only if the',
    'ledger has only appended since the last one. It is worth something on a machine that the operator of the ledger does not',
    'control. Its key is made at the first start. The name is a URL without scheme: witness.example.org/w1.',
  ].join('\n'),
  takes: [0, 0],
  flags: {
    name: { type: 'string', value: 'NAME', about: 'what it is called; stays what it was at the first start' },
    log: {
      type: 'string',
      multiple: true,
      value: 'KEY|FILE',
      about: 'public key of a ledger that it serves (ledger.vkey of the domain)',
    },
    dir: { type: 'string', value: 'DIR', about: 'its key and what it cosigned last (default DATA/witness)' },
    host: { type: 'string', value: 'HOST', about: 'where it listens (default 127.0.0.1)' },
    port: { type: 'string', value: 'PORT', about: 'default 7423' },
    'tls-cert': { type: 'string', value: 'FILE', about: 'PEM' },
    'tls-key': { type: 'string', value: 'FILE', about: 'PEM' },
  },
  run: async (context) => {
    const name = context.text('name')
    const given = context.texts('log')
    if (name === undefined || given.length === 0) throw usage('credence witness --name NAME --log KEY|FILE')
    const port = portOf(context)
    const { parseVerifierKey } = await import('@credence/protocol/c2sp')
    const { startWitness } = await import('../compose/witness.ts')
    const { hostLog } = await import('../compose/host.ts')
    const logs = given.map((one) => parseVerifierKey(keyText(one)))
    const running = await startWitness(
      {
        dir: context.text('dir') ?? join(context.settings.dataDir, 'witness'),
        name,
        logs,
        host: context.text('host') ?? '127.0.0.1',
        port,
        tlsCert: context.text('tls-cert'),
        tlsKey: context.text('tls-key'),
      },
      hostLog(context.settings),
    )
    try {
      const served = logs.map((log) => log.name)
      context.print({ ready: true, name, verifierKey: running.verifierKey, port: running.port, logs: served }, () =>
        [
          `The witness ${name} cosigns for ${served.join(', ')}.`,
          `  listens    port ${running.port}`,
          `  key        ${running.verifierKey}`,
          'Ctrl-C ends it.',
        ].join('\n'),
      )
      await untilStopped()
    } finally {
      await running.close()
    }
  },
}
