#!/usr/bin/env node
import { keepCompiledCode } from './compile-cache.ts'

keepCompiledCode()
const { run } = await import('./run.ts')

process.exitCode = await run(process.argv.slice(2), {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
})
