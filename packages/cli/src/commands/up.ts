/** Starts authority and gateway in one process, or with `--cluster` in several. */

import { join } from 'node:path'
import type { Command, Context } from '../command.ts'
import type { Up } from '../compose/up.ts'
import { writePrivately } from '../private-files.ts'
import { untilStopped } from '../until-stopped.ts'

/** On this host's clock. Without Intl, whose tables take longer to load than everything else here. */
const timeOfDay = (at: number): string => new Date(at).toTimeString().slice(0, 8)

/** The link is worth a domain: on a terminal it is seen once, anywhere else it goes to a file for the user alone. */
const setup = (up: Up, context: Context): { lines: readonly string[]; file?: string } => {
  const link = up.authority.setupLink
  if (link === undefined) return { lines: [] }
  const until = `valid until ${timeOfDay(link.expiresAt)}; restart for a new one`
  if (process.stdout.isTTY && !context.json) {
    return {
      lines: [
        '',
        'There is no owner yet. Open this link to become the first one',
        `(${until}):`,
        '',
        `  ${link.url}`,
        '',
      ],
    }
  }
  const file = join(context.settings.dataDir, 'setup-link')
  writePrivately(file, `${link.url}\n`)
  return { file, lines: [`There is no owner yet. The link that makes one is in ${file} (${until}).`] }
}

const warnings = (up: Up, context: Context): readonly string[] => {
  const found = context.config.unsafe.map(({ setting, why }) => `Unsafe: ${setting}: ${why}`)
  if (Object.keys(context.settings.stdio).length > 0 && up.isolation() === 'none') {
    found.push(
      'Unsafe: this system offers no sandbox: stdio servers run with your own rights (install bubblewrap on Linux).',
    )
  }
  for (const { name, observe } of up.authority.embedded.registry().servers)
    if (observe === true) found.push(`Unsafe: policies of the server ${name} are observed and not enforced.`)
  return found
}

const runCluster = async (context: Context): Promise<void> => {
  const { startCluster } = await import('../compose/cluster.ts')
  const { issuer, gatewayUrl, dataDir } = context.settings
  const cluster = await startCluster(context.settings, context.tell)
  try {
    const unsafe = context.config.unsafe.map(({ setting, why }) => `Unsafe: ${setting}: ${why}`)
    const { setupLinkFile, nodes } = cluster
    context.print(
      {
        ready: true,
        issuer,
        gatewayUrl,
        dataDir,
        nodes,
        unsafe,
        ...(setupLinkFile === undefined ? {} : { setupLinkFile }),
      },
      () =>
        [
          'Credence is up, as a cluster on this machine.',
          `  authority  ${issuer}`,
          `  gateway    ${gatewayUrl}/mcp/NAME`,
          ...nodes.map(({ name, pid, port }) => `  ${name.padEnd(13)}process ${pid}, port ${port}`),
          ...unsafe,
          ...(setupLinkFile === undefined
            ? []
            : [`There is no owner yet. The link that makes one is in ${setupLinkFile}.`]),
          'Ctrl-C ends it.',
        ].join('\n'),
    )
    await untilStopped()
  } finally {
    await cluster.close()
  }
}

export const up: Command = {
  name: 'up',
  summary: 'Start the authority and the gateway on this machine',
  help: 'Makes keys and an empty domain at the first start. Ctrl-C ends it.',
  takes: [0, 0],
  host: true,
  flags: {
    cluster: {
      type: 'boolean',
      about: 'two authorities and three gateways, a process each, on --database-url: to try a cluster on one machine',
    },
  },
  run: async (context) => {
    if (context.on('cluster')) return await runCluster(context)
    const { startUp } = await import('../compose/up.ts')
    const started = await startUp(context.settings)
    try {
      const { issuer, gatewayUrl, dataDir, stdio } = context.settings
      const { lines, file } = setup(started, context)
      const unsafe = warnings(started, context)
      const isolation = Object.keys(stdio).length > 0 ? { isolation: started.isolation() } : {}
      context.print(
        {
          ready: true,
          issuer,
          gatewayUrl,
          dataDir,
          ...(file === undefined ? {} : { setupLinkFile: file }),
          ...isolation,
          unsafe,
        },
        () =>
          [
            'Credence is up.',
            `  authority  ${issuer}`,
            `  gateway    ${gatewayUrl}/mcp/NAME`,
            `  data       ${dataDir}`,
            ...unsafe,
            ...lines,
            'Ctrl-C ends it.',
          ].join('\n'),
      )
      await untilStopped()
    } finally {
      await started.close()
    }
  },
}
