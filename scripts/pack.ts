/**
 * Tarballs as they are published: `node scripts/pack.ts FOLDER [package...]`. In the work tree the packages run from their
 * TypeScript sources; Node strips no types below node_modules, so what is packed points to the built files.
 */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

interface Manifest {
  readonly name: string
  readonly exports?: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly files?: readonly string[]
  readonly [key: string]: unknown
}

const built = (path: string, ending: string): string =>
  path.replace(/^(?:\.\/)?src\//, './dist/').replace(/\.ts$/, ending)

/** The manifest with every entry pointing to what was built. */
export const publishedManifest = (manifest: Manifest): Manifest => ({
  ...manifest,
  exports: Object.fromEntries(
    Object.entries(manifest.exports ?? {}).map(([subpath, source]) => [
      subpath,
      { types: built(source, '.d.ts'), default: built(source, '.js') },
    ]),
  ) as never,
  ...(manifest.bin === undefined
    ? {}
    : { bin: Object.fromEntries(Object.entries(manifest.bin).map(([name, source]) => [name, built(source, '.js')])) }),
})

/** Folders of `src` with helpers for tests: shipped only where the manifest exports them. */
const testingFolders = (manifest: Manifest): string[] =>
  Object.values(manifest.exports ?? {}).flatMap((path) => /^\.\/src\/((?:.*\/)?testing)\//.exec(path)?.[1] ?? [])

/** Of a built file `a/b.d.ts`, the source `a/b.ts`; undefined: not shipped (maps, build state). */
const sourceOf = (path: string): string | undefined =>
  /\.d\.ts$/.test(path)
    ? path.replace(/\.d\.ts$/, '.ts')
    : /\.js$/.test(path)
      ? path.replace(/\.js$/, '.ts')
      : undefined

const isTest = (path: string, exported: readonly string[]): boolean =>
  /\.test(?:-d)?\.ts$/.test(path) ||
  (/(?:^|\/)testing\//.test(path) && !exported.some((folder) => path.startsWith(`${folder}/`)))

/** INVARIANT: what is shipped was built from a source that is there: nothing stale, no tests. */
const copyBuilt = (source: string, stage: string, manifest: Manifest): void => {
  const exported = testingFolders(manifest)
  const dist = join(source, 'dist')
  for (const entry of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const path = entry.replaceAll('\\', '/')
    const from = sourceOf(path)
    if (from === undefined || isTest(from, exported) || !existsSync(join(source, 'src', from))) continue
    cpSync(join(dist, path), join(stage, 'dist', path))
  }
}

/** README, LICENSE and what else `files` names beside `dist`. */
const copyFiles = (source: string, stage: string, { files = [] }: Manifest): void => {
  for (const file of files) {
    const own = join(source, file)
    if (file === 'LICENSE' && !existsSync(own)) cpSync(join(ROOT, file), join(stage, file))
    else if (file !== 'dist') cpSync(own, join(stage, file), { recursive: true })
  }
}

const stagePackage = (name: string, folder: string): string => {
  const source = join(ROOT, 'packages', name)
  const stage = join(folder, name)
  const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as Manifest
  copyBuilt(source, stage, manifest)
  copyFiles(source, stage, manifest)
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(publishedManifest(manifest), null, 2)}\n`)
  return stage
}

export const packageNames = (): string[] =>
  readdirSync(join(ROOT, 'packages')).filter((name) => existsSync(join(ROOT, 'packages', name, 'package.json')))

export const buildPackages = (names: readonly string[] = packageNames()): void => {
  const folders = names.map((name) => join('packages', name))
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-b', ...folders], { cwd: ROOT, stdio: 'inherit' })
}

/** Tarballs of packages that were built; answers their files by package. */
export const packPackages = (names: readonly string[], folder: string): Map<string, string> => {
  const stages = mkdtempSync(join(tmpdir(), 'credence-pack-'))
  try {
    const staged = names.map((name) => stagePackage(name, stages))
    mkdirSync(folder, { recursive: true })
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder, ...staged]
    const answer = execFileSync('npm', args, { cwd: stages, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
    const packed = Object.values(JSON.parse(answer) as object) as { name: string; filename: string }[]
    return new Map(packed.map(({ name, filename }) => [name.slice('@credence/'.length), join(folder, filename)]))
  } finally {
    rmSync(stages, { recursive: true, force: true })
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  const [folder = '.cache/packed', ...names] = process.argv.slice(2)
  buildPackages()
  const wanted = names.length > 0 ? names : packageNames()
  for (const file of packPackages(wanted, resolve(ROOT, folder)).values()) console.log(file)
}
