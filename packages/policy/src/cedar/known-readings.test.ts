import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { quickstartPolicies } from '../builtin.ts'
import { checkPolicies } from '../check.ts'
import { compilePolicySet } from '../compile-set.ts'
import { readingJob } from '../read.ts'
import { ENGINE, hashOfJob, KNOWN_READING, knownReading } from './known-readings.ts'
import { readingLane } from './lane.ts'

const quickstart = () => {
  const job = readingJob(quickstartPolicies(), []).job
  assert.ok(job !== undefined)
  return job
}

test('what ships is what the engine answers (CREDENCE_WRITE_READING=1 writes it anew)', async () => {
  const job = quickstart()
  const answer = await readingLane.read(job)
  const reading = { job: hashOfJob(job), answer }
  if (process.env.CREDENCE_WRITE_READING === '1') writeFileSync(KNOWN_READING, JSON.stringify(reading))
  assert.deepEqual(JSON.parse(readFileSync(KNOWN_READING, 'utf8')), reading)
  assert.deepEqual(knownReading(job), answer)
})

test('the version of the engine is the installed one', () => {
  const url = import.meta.resolve('@cedar-policy/cedar-wasm/nodejs')
  const manifest = JSON.parse(readFileSync(new URL('../package.json', url), 'utf8')) as { version: string }
  assert.equal(ENGINE, `cedar-wasm ${manifest.version}`)
})

test('a text that differs by a byte is not known', () => {
  const job = quickstart()
  const [first = '', ...rest] = job.policies
  assert.equal(knownReading({ ...job, policies: [`${first} `, ...rest] }), undefined)
  assert.equal(knownReading({ ...job, policies: rest }), undefined)
  assert.equal(knownReading({ ...job, policies: [...job.policies].reverse() }), undefined)
  assert.equal(knownReading({ ...job, schema: `${job.schema} ` }), undefined)
})

test('a set that is invalid beside the known texts is still refused', async () => {
  const source = quickstartPolicies()
  const bad = { name: 'bad.cedar', text: 'permit (principal, action == Action::"no.such", resource);' }
  const both = { ...source, files: [...source.files, bad] }
  assert.equal((await checkPolicies(both)).ok, false)
  await assert.rejects(compilePolicySet(both), { code: 'policy_invalid' })
})
