#!/usr/bin/env node
import { keepCompiledCode } from './compile-cache.ts'
import { quietSqlite } from './quiet-sqlite.ts'

keepCompiledCode()
quietSqlite()
const { run } = await import('./run.ts')

process.exitCode = await run(process.argv.slice(2), {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
})
