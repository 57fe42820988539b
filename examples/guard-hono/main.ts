/** A Hono application that guards itself. */
import { appendFile } from 'node:fs/promises'
import {
  createGuard,
  createJwksKeySource,
  createLogRecorder,
  createRuleDecider,
  domainOfIssuer,
  staticRevocations,
} from '@credence/guard'
import { type CredenceEnv, guardHono } from '@credence/guard/hono'
import { createSafeFetch } from '@credence/kit/fetch'
import { nodeClock as clock, nodeRandom as random } from '@credence/kit/node'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const issuer = process.env.ISSUER ?? 'http://127.0.0.1:7420'
const fetch = createSafeFetch({ clock, allowPrivate: [new URL(issuer).host] })
const port = Number(process.env.PORT ?? 8080)

const guard = createGuard({
  resource: process.env.RESOURCE ?? `http://127.0.0.1:${port}/notes`,
  issuers: [{ issuer, keys: createJwksKeySource({ url: `${issuer}/jwks`, fetch, clock }) }],
  decider: createRuleDecider(({ method }) => ({ allow: method !== 'http.delete', reason: 'Nobody deletes notes.' }), {
    random,
    version: '1',
  }),
  recorder: createLogRecorder({
    domain: domainOfIssuer(issuer),
    emitter: 'guard-hono',
    append: (line) => appendFile(process.env.RECORDS ?? 'records.jsonl', line, { flush: true }),
    onError: console.error,
    clock,
    random,
  }),
  revocations: staticRevocations('expiry-is-enough'),
})

const app = new Hono<CredenceEnv>()
app.use(guardHono(guard))
app.get('/notes', (context) => context.json({ subject: context.get('credence').caller.subject.sub }))
serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, (address) => console.log('listening', address))
