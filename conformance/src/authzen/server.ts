/** A server as anybody starts it, in a process of its own: the example and the scenarios as tenants. */
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXAMPLE_FOLDER } from '@credence/authority'
import { openStage } from '@credence/cli/testing'
import { readVector } from '../vectors.ts'
import { freePort } from '../world.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Undefined: not announced as JSON. */
  readonly json: unknown
}

export interface AuthZenServer {
  readonly issuer: string
  readonly send: (path: string, init: RequestInit) => Promise<Answer>
  /** `path`: below `access/v1/` of a tenant. */
  readonly post: (tenant: string, path: string, body: unknown, headers?: Record<string, string>) => Promise<Answer>
  close(): Promise<void>
}

interface Person {
  readonly id: string
  readonly role: string
  readonly department: string
}
interface Paper {
  readonly id: number
  readonly department: string
  readonly owner: string
}

/** The data of the search scenario as Cedar's entities. */
const searchEntities = (): object[] => {
  const people = JSON.parse(readVector('authzen/search-users.json')) as Person[]
  const papers = JSON.parse(readVector('authzen/search-records.json')) as Paper[]
  return [
    ...people.map(({ id, role, department }) => ({ uid: { type: 'user', id }, attrs: { role, department } })),
    ...papers.map(({ id, department, owner }) => ({
      uid: { type: 'record', id: String(id) },
      attrs: { department, owner: { __entity: { type: 'user', id: owner } } },
    })),
  ]
}

const scenario = (name: string): string => fileURLToPath(new URL(`../../authzen/${name}`, import.meta.url))

export const openAuthZenServer = async (): Promise<AuthZenServer> => {
  const stage = openStage()
  const search = join(stage.dir, 'search')
  cpSync(scenario('search'), search, { recursive: true })
  writeFileSync(join(search, 'entities.json'), JSON.stringify(searchEntities()))
  const issuer = `http://127.0.0.1:${await freePort()}`
  const config = stage.writeJson('credence.json', {
    issuer,
    gatewayUrl: `http://127.0.0.1:${await freePort()}`,
    exampleTenant: 'open',
    tenants: {
      todo: { folder: scenario('todo'), open: true },
      gateways: { folder: scenario('gateways'), open: true },
      search: { folder: search, open: true },
      closed: { folder: EXAMPLE_FOLDER },
    },
  })
  const send: AuthZenServer['send'] = async (path, init) => {
    const answer = await fetch(`${issuer}${path}`, init)
    const text = await answer.text()
    const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true
    return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : undefined }
  }
  try {
    await stage.start('up', '--data-dir', join(stage.dir, 'data'), '--config', config)
  } catch (error) {
    await stage.close()
    throw error
  }
  return {
    issuer,
    send,
    post: (tenant, path, body, headers = {}) =>
      send(`/${tenant}/access/v1/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    close: () => stage.close(),
  }
}
