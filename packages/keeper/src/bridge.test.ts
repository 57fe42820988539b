import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { type Served, serve, serveTools } from './testing/mcp-server.ts'

const PROGRAM = join(import.meta.dirname, 'testing/bridge-process.ts')
const ends: (() => void)[] = []
after(() => {
  for (const end of ends) end()
})
const ending = <T extends Served>(served: T): T => {
  ends.push(served.close)
  return served
}

const TEXT = 'é🙂 \u2028 line separators and "quotes"'

describe('the official client over stdio', () => {
  const revisions = { '2026-07-28': { pin: '2026-07-28' }, '2025-11-25': 'legacy', newest: 'auto' } as const
  for (const [name, mode] of Object.entries(revisions)) {
    test(name, { timeout: 30_000 }, async () => {
      const served = ending(await serveTools())
      const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
      const transport = new StdioClientTransport({
        command: process.execPath,
        args: [PROGRAM, served.url],
        stderr: 'ignore',
      })
      await client.connect(transport)
      const { tools } = await client.listTools()
      assert.deepEqual(tools.map((tool) => tool.name).sort(), ['echo', 'slow'])
      const calls = Array.from({ length: 20 }, (_, at) =>
        client.callTool({ name: 'echo', arguments: { text: `${TEXT}${at}` } }),
      )
      for (const [at, { content }] of (await Promise.all(calls)).entries())
        assert.deepEqual(content, [{ type: 'text', text: `${TEXT}${at}` }])
      await assert.rejects(
        Promise.resolve(client.callTool({ name: 'absent', arguments: {} })).then((answer) => {
          assert.ok(answer.isError)
          throw new Error('said by the result')
        }),
      )
      const versions = new Set(served.seen.slice(1).map(({ headers }) => headers['mcp-protocol-version']))
      assert.deepEqual([...versions], [name === '2025-11-25' ? name : '2026-07-28'])
      await client.close()
    })
  }

  test('what is cancelled ends at the server too', { timeout: 30_000 }, async () => {
    const served = ending(await serveTools())
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [PROGRAM, served.url] }))
    const stop = new AbortController()
    const call = client.callTool({ name: 'slow', arguments: {} }, { signal: stop.signal })
    while (!served.seen.some(({ body }) => body.includes('"slow"'))) await new Promise((go) => setTimeout(go, 10))
    stop.abort('not wanted')
    await assert.rejects(Promise.resolve(call))
    while (served.dropped.length === 0) await new Promise((go) => setTimeout(go, 10))
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'still here' } })
    assert.deepEqual(content, [{ type: 'text', text: 'still here' }])
    await client.close()
  })
})

interface Talk {
  readonly child: ChildProcessWithoutNullStreams
  /** Everything on standard output so far. */
  lines(): string[]
  say(...messages: (object | string | Buffer)[]): void
  heard(count: number): Promise<Record<string, unknown>[]>
  /** Ends the input; answers how the process ended. */
  end(): Promise<number | null>
}

const talkTo = (url: string): Talk => {
  const child = spawn(process.execPath, [PROGRAM, url])
  child.stderr.resume()
  ends.push(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const lines = () => out.split('\n').slice(0, -1)
  return {
    child,
    lines,
    say: (...messages) => {
      for (const one of messages)
        child.stdin.write(typeof one === 'string' || Buffer.isBuffer(one) ? one : `${JSON.stringify(one)}\n`)
    },
    heard: async (count) => {
      for (let wait = 0; lines().length < count && wait < 1500; wait += 1) await new Promise((go) => setTimeout(go, 10))
      return lines().map((line) => JSON.parse(line) as Record<string, unknown>)
    },
    end: async () => {
      child.stdin.end()
      return child.exitCode ?? ((await once(child, 'exit'))[0] as number | null)
    },
  }
}

const request = (id: number | string, params: object = {}) => ({ jsonrpc: '2.0', id, method: 'tools/list', params })
const resultOf = (id: unknown, result: object = {}) => ({ jsonrpc: '2.0', id, result })

describe('answers that are none become errors of the right request', () => {
  const answers: Record<string, [number, string, string]> = {
    'refused without body': [401, '', ''],
    'refused with words of OAuth': [403, 'application/json', '{"error":"insufficient_scope"}'],
    'a page of a proxy': [502, 'text/html', '<h1>Bad gateway</h1>'],
    'broken JSON': [200, 'application/json', '{"jsonrpc":"2.0","id":1,"result":{}'],
    'ambiguous JSON': [200, 'application/json', '{"jsonrpc":"2.0","id":1,"id":2,"result":{}}'],
    'no JSON-RPC': [200, 'application/json', '{"id":1,"result":{}}'],
    'the answer of another request': [200, 'application/json', '{"jsonrpc":"2.0","id":77,"result":{}}'],
    nothing: [200, '', ''],
    accepted: [202, '', ''],
    'events without the answer': [200, 'text/event-stream', ': hello\n\n'],
    'events with the answer of another': [200, 'text/event-stream', 'data: {"jsonrpc":"2.0","id":77,"result":{}}\n\n'],
    'events that are cut': [200, 'text/event-stream', 'data: {"jsonrpc":"2.0","id":1,"result":{}}'],
    'a redirect': [307, '', ''],
  }
  test('all of them', { timeout: 30_000 }, async () => {
    const served = ending(
      await serve((body, _req, res) => {
        if (body === '') return void res.writeHead(404).end()
        const { id, params } = JSON.parse(body)
        const [status, type, text] = answers[params.kind] as [number, string, string]
        res.writeHead(status, { ...(type === '' ? {} : { 'content-type': type }), location: 'http://127.0.0.1:9/' })
        res.end(text.replace('"id":1', `"id":${JSON.stringify(id)}`))
      }),
    )
    const talk = talkTo(served.url)
    const kinds = Object.keys(answers)
    talk.say(...kinds.map((kind) => request(kind, { kind })))
    const heard = await talk.heard(kinds.length)
    assert.deepEqual(heard.map(({ id }) => id).sort(), kinds.toSorted())
    for (const one of heard) {
      assert.equal((one.error as { code: number }).code, -32603, JSON.stringify(one))
      assert.doesNotMatch(JSON.stringify(one), /html|insufficient|DPoP|eyJ/)
    }
    assert.equal(await talk.end(), 0)
    assert.equal(talk.lines().length, kinds.length)
  })

  test('errors of the gateway pass with the id of their request, results as they are', async () => {
    const served = ending(
      await serve((body, _req, res) => {
        const { id, params } = JSON.parse(body)
        const texts: Record<string, string> = {
          nameless: '{"jsonrpc":"2.0","error":{"code":-32001,"message":"no"}}',
          null: '{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"no"}}',
          named: `{"jsonrpc":"2.0","id":"${id}","error":{"code":-32001,"message":"no"}}`,
          exact: `{\n  "jsonrpc": "2.0", "id": "${id}",\r\n "result": {"n": 1.0, "e": 1e2}}\n`,
        }
        res.writeHead(params.kind === 'exact' ? 200 : 403, { 'content-type': 'application/json' })
        res.end(texts[params.kind])
      }),
    )
    const talk = talkTo(served.url)
    talk.say(...['nameless', 'null', 'named', 'exact'].map((kind) => request(kind, { kind })))
    const heard = await talk.heard(4)
    const codes = Object.fromEntries(heard.map(({ id, error }) => [id, (error as { code?: number } | undefined)?.code]))
    assert.deepEqual(codes, { nameless: -32001, null: -32001, named: -32001, exact: undefined })
    assert.match(talk.lines().find((line) => line.includes('exact')) ?? '', /"n": 1\.0, "e": 1e2/)
    assert.equal(await talk.end(), 0)
  })

  test('a gateway that is not there', async () => {
    const served = await serve(() => {})
    served.close()
    const talk = talkTo(served.url)
    talk.say(request(5))
    const [answer] = await talk.heard(1)
    assert.equal(answer?.id, 5)
    assert.ok(answer?.error)
    assert.equal(await talk.end(), 0)
  })
})

describe('what a client writes', () => {
  const echo = async () =>
    ending(
      await serve((body, _req, res) => {
        const { id, method } = JSON.parse(body)
        res.setHeader('content-type', 'application/json')
        if (id === undefined) res.writeHead(202).end()
        else res.end(JSON.stringify(resultOf(id, { method })))
      }),
    )

  test('garbage is answered with errors, and what follows is carried', async () => {
    const served = await echo()
    const talk = talkTo(served.url)
    talk.say('not json\n', '\n', '  \r\n', '[]\n', '{"jsonrpc":"2.0","id":1}\n', '{"jsonrpc":"1.0"}\n')
    talk.say(Buffer.from([0xff, 0xfe, 0x0a]), '{"jsonrpc":"2.0","id":{},"method":"x"}\n', request(9))
    const heard = await talk.heard(7)
    assert.equal(heard.filter(({ error }) => error !== undefined).length, 6)
    assert.deepEqual(
      heard.flatMap(({ error }) => (error === undefined ? [] : [(error as { code: number }).code])),
      [-32700, -32600, -32600, -32600, -32700, -32600],
    )
    assert.deepEqual(heard.at(-1), resultOf(9, { method: 'tools/list' }))
    assert.equal(await talk.end(), 0)
    assert.equal(served.seen.length, 1)
  })

  test('a line of 50 MB is refused and not held; the next one is carried', { timeout: 60_000 }, async () => {
    const served = await echo()
    const talk = talkTo(served.url)
    const piece = Buffer.alloc(1024 * 1024, 'x')
    for (let at = 0; at < 50; at += 1) if (!talk.child.stdin.write(piece)) await once(talk.child.stdin, 'drain')
    talk.say('\n', request(1))
    const heard = await talk.heard(2)
    assert.equal((heard[0]?.error as { code: number } | undefined)?.code, -32600)
    assert.equal(heard[1]?.id, 1)
    assert.equal(await talk.end(), 0)
  })

  test('carries the bytes as they are, and no credential of the client`s own', async () => {
    const served = await echo()
    const talk = talkTo(served.url)
    const line = `{ "jsonrpc":"2.0","id":1, "method":"tools/call","params":{"name":"\\u0061","n":1.0,"s":"${TEXT.replaceAll('"', '\\"')}"}}`
    talk.say(`${line}\n`)
    await talk.heard(1)
    assert.equal(served.seen[0]?.body, line)
    assert.equal(await talk.end(), 0)
  })

  test('a notification is carried and answered by nobody', async () => {
    const served = await echo()
    const talk = talkTo(served.url)
    talk.say({ jsonrpc: '2.0', method: 'notifications/initialized' }, request(1))
    await talk.heard(1)
    assert.equal(await talk.end(), 0)
    assert.equal(talk.lines().length, 1)
    assert.equal(served.seen.length, 2)
  })

  test('an id that is in use is refused, and does not end the first call', async () => {
    let answer = (): void => {}
    const served = ending(
      await serve((body, _req, res) => {
        answer = () => void res.setHeader('content-type', 'application/json').end(JSON.stringify(resultOf(1, { body })))
      }),
    )
    const talk = talkTo(served.url)
    talk.say(request(1), request(1))
    const [refusal] = await talk.heard(1)
    assert.equal((refusal?.error as { code: number } | undefined)?.code, -32600)
    while (served.seen.length === 0) await new Promise((go) => setTimeout(go, 10))
    answer()
    assert.ok((await talk.heard(2))[1]?.result)
    assert.equal(await talk.end(), 0)
  })
})

describe('a call', () => {
  test('as events: notifications first, then the answer, whatever follows is not waited for', async () => {
    const served = ending(
      await serve((body, _req, res) => {
        const { id } = JSON.parse(body)
        const note = { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } }
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        res.write(`: hi\r\n\r\nevent: message\r\ndata: ${JSON.stringify(note)}\r\n\r\ndata: \r\n\r\n`)
        res.write(`data: {"jsonrpc":"2.0",\ndata: "id":${id},"result":{}}\n\n`)
      }),
    )
    const talk = talkTo(served.url)
    talk.say(request(1))
    const heard = await talk.heard(2)
    assert.deepEqual(heard, [
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } },
      { jsonrpc: '2.0', id: 1, result: {} },
    ])
    assert.equal(await talk.end(), 0)
  })

  test('that is cancelled closes its connection and gets no answer; other notifications pass', async () => {
    const served = ending(await serve(() => {}))
    const talk = talkTo(served.url)
    talk.say(request('a'), request('b'))
    while (served.seen.length < 2) await new Promise((go) => setTimeout(go, 10))
    talk.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'a' } })
    while (served.dropped.length === 0) await new Promise((go) => setTimeout(go, 10))
    assert.equal(JSON.parse(served.dropped[0] ?? '').id, 'a')
    assert.equal(await talk.end(), 0)
    assert.deepEqual(talk.lines(), [])
  })

  test('is given up some time after the input has ended', async () => {
    const served = ending(await serve(() => {}))
    const talk = talkTo(served.url)
    talk.say(request(1))
    while (served.seen.length === 0) await new Promise((go) => setTimeout(go, 10))
    assert.equal(await talk.end(), 0)
  })

  test('ends when the client no longer reads', async () => {
    const served = ending(
      await serve((body, _req, res) => {
        const { id } = JSON.parse(body)
        res
          .setHeader('content-type', 'application/json')
          .end(JSON.stringify(resultOf(id, { big: 'x'.repeat(100_000) })))
      }),
    )
    const talk = talkTo(served.url)
    talk.child.stdout.destroy()
    const exited = once(talk.child, 'exit')
    talk.child.stdin.on('error', () => {})
    for (let at = 0; at < 20; at += 1) talk.say(request(at))
    assert.equal((await exited)[0], 0)
  })
})
