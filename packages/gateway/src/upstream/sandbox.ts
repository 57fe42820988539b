/**
 * A stdio server is code of somebody else that runs on this host. This file decides how it is started: in which
 * sandbox, as whom, and with which environment.
 *
 * INVARIANT: the child never inherits our environment, and where the system offers a sandbox neither the data
 * directory nor (with `network: 'none'`) the admin listener is in its reach.
 */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** Host configuration of one stdio server. It is never accepted over the network. */
export interface StdioConfig {
  readonly command: string
  readonly args?: readonly string[]
  /** Added to the allow-listed environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** `none` (default): no network at all, loopback included. `host`: the network of the host. */
  readonly network?: 'none' | 'host'
  /** Directories that stay readable although they lie below a hidden one (home, data directory, /tmp). */
  readonly read?: readonly string[]
  /** Directories that the server may write to. */
  readonly write?: readonly string[]
  /** One process for all subjects. Default: one process per subject. */
  readonly shared?: boolean
}

export type Isolation = 'bubblewrap' | 'user' | 'namespace' | 'none'

export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly isolation: Isolation
}

const NOBODY = '65534'
const KEPT = ['LANG', 'LC_ALL', 'TZ', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'] as const

/** The environment of the child: a few harmless names of ours, a home that is not ours, and what the host configured. */
export const childEnvironment = (
  config: StdioConfig,
  ours: Readonly<Record<string, string | undefined>>,
): Record<string, string> => {
  const env: Record<string, string> = { PATH: ours.PATH ?? '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp' }
  for (const name of KEPT) {
    const value = ours[name]
    if (value !== undefined) env[name] = value
  }
  return { ...env, ...config.env }
}

/** With a `/proc` of its own: servers that run as the same user must not read one another's environment or memory. */
const OWN_PROCESSES = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']

const works = (command: string, args: readonly string[]): boolean => {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 5000 })
    return true
  } catch {
    return false
  }
}

/** Which kinds of isolation this system offers, best first. Tried by running them, since containers often forbid them. */
export const availableIsolation = (): Isolation[] => {
  const found: Isolation[] = []
  if (process.platform === 'linux') {
    if (works('bwrap', ['--ro-bind', '/', '/', '--unshare-all', 'true'])) found.push('bubblewrap')
    if (
      process.getuid?.() === 0 &&
      works('unshare', [...OWN_PROCESSES, '--net', 'setpriv', '--reuid', NOBODY, '--clear-groups', 'true'])
    ) {
      found.push('user')
    }
    if (works('unshare', ['--user', '--map-root-user', '--net', '--mount', 'true'])) found.push('namespace')
  }
  found.push('none')
  return found
}

interface SandboxHost {
  readonly isolation: Isolation
  /** Hidden from every child: the data directory, and whatever else holds secrets. */
  readonly hidden: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
}

const DROP_ALL = ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all']

/** INVARIANT: a path is covered where it really is; a cover over a symbolic link would leave what it points to in reach. */
const covered = (paths: readonly string[]): string[] => [
  ...new Set(paths.filter((path) => existsSync(path)).map((path) => realpathSync(path))),
]

const canRun = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/**
 * The file that the system would run for this command; undefined when there is none. What only has its name, a folder of
 * sources or a text, is passed over, as the system does.
 */
const programOf = (command: string, cwd: string, path: string | undefined): string | undefined =>
  (command.includes('/')
    ? [resolve(cwd, command)]
    : (path ?? '').split(':').map((dir) => resolve(cwd, dir, command))
  ).find(canRun)

/**
 * A runtime that somebody has installed at home: this one file comes back, and nothing beside it. A link from elsewhere
 * still stands inside, and points to where the file really is.
 */
const programBack = (program: string | undefined, homes: readonly string[]): string[] => {
  if (program === undefined) return []
  const real = realpathSync(program)
  const covered = [program, real].find((file) => homes.some((home) => isBelow(file, home)))
  return covered === undefined ? [] : ['--ro-bind', real, covered]
}

const isBelow = (path: string, directory: string): boolean => path.startsWith(join(directory, '/'))

/** Home directories, temporary files and sockets of daemons are hidden; what the configuration names comes back. */
const bubblewrapArguments = (
  config: StdioConfig,
  cwd: string,
  hidden: readonly string[],
  path: string | undefined,
): string[] => {
  const args = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc']
  const homes = covered(['/root', '/home', '/tmp', '/run', '/var/tmp', homedir()])
  for (const home of homes) args.push('--tmpfs', home)
  args.push(...programBack(programOf(config.command, cwd, path), homes))
  // NOTE: only a working directory that was asked for comes back: `/` would bring everything back.
  const back = [...(config.cwd === undefined ? [] : [cwd]), ...(config.read ?? [])]
  for (const path of back) args.push('--ro-bind', resolve(path), resolve(path))
  for (const path of config.write ?? []) args.push('--bind', resolve(path), resolve(path))
  // INVARIANT: hidden paths are covered last of all, so that no `read` or `write` above them brings them back.
  for (const path of hidden) args.push('--tmpfs', path)
  args.push(
    '--unshare-user-try',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    '--cap-drop',
    'ALL',
  )
  if ((config.network ?? 'none') === 'none') args.push('--unshare-net')
  args.push('--die-with-parent', '--new-session', '--chdir', cwd, '--')
  return args
}

/** Covers the hidden directories in a mount namespace of its own, then gives up every capability, so that they stay covered. */
const COVER =
  'n=$1; shift; while [ "$n" -gt 0 ]; do mount -t tmpfs -o size=4k none "$1" || exit 126; shift; n=$((n-1)); done; exec "$@"'
const covering = (hidden: readonly string[]): string[] => ['sh', '-c', COVER, 'sh', String(hidden.length), ...hidden]

const userArguments = (config: StdioConfig, hidden: readonly string[]): string[] => {
  const network = (config.network ?? 'none') === 'none' ? ['--net'] : []
  return [
    ...OWN_PROCESSES,
    ...network,
    ...covering(hidden),
    'setpriv',
    '--reuid',
    NOBODY,
    '--regid',
    NOBODY,
    '--clear-groups',
    ...DROP_ALL,
    '--',
  ]
}

const namespaceArguments = (config: StdioConfig, hidden: readonly string[]): string[] => {
  const network = (config.network ?? 'none') === 'none' ? ['--net'] : []
  return [
    '--user',
    '--map-root-user',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    ...network,
    ...covering(hidden),
    'setpriv',
    ...DROP_ALL,
    '--',
  ]
}

/** The exact command line that starts the server under the given isolation. */
export const launchOf = (config: StdioConfig, host: SandboxHost): Launch => {
  const cwd = resolve(config.cwd ?? '/')
  const hidden = covered(host.hidden.map((path) => resolve(path)))
  const inner = [config.command, ...(config.args ?? [])]
  const env = childEnvironment(config, host.environment)
  switch (host.isolation) {
    case 'bubblewrap':
      return {
        command: 'bwrap',
        args: [...bubblewrapArguments(config, cwd, hidden, env.PATH), ...inner],
        env,
        cwd: '/',
        isolation: 'bubblewrap',
      }
    case 'user':
      return { command: 'unshare', args: [...userArguments(config, hidden), ...inner], env, cwd, isolation: 'user' }
    case 'namespace':
      return {
        command: 'unshare',
        args: [...namespaceArguments(config, hidden), ...inner],
        env,
        cwd,
        isolation: 'namespace',
      }
    case 'none':
      return { command: config.command, args: config.args ?? [], env, cwd, isolation: 'none' }
  }
}
