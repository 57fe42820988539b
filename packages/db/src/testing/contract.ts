/** The contract of `Database`, run by every engine. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { migrate } from '../migrate.ts'
import { createDbOnce, onceMigration } from '../once.ts'
import { queryBuilder, toStatement } from '../query-builder.ts'
import { BatchConflict, type Database, type Statement, type Value } from '../types.ts'

export interface DatabaseUnderTest {
  readonly db: Database
  /** Another node over the same data, where the engine allows one; default the same handle. */
  readonly second?: Database
  close(): Promise<void>
}

const sql = (text: string, ...parameters: Value[]): Statement => ({ sql: text, parameters })
const expecting = (rows: number | 'some', conflict: string, text: string, ...parameters: Value[]): Statement => ({
  sql: text,
  parameters,
  expect: { rows, conflict },
})
const isConflict = (name: string) => (error: unknown) => error instanceof BatchConflict && error.conflict === name

const TABLES = (blob: string, integer: string): string[] => [
  `CREATE TABLE account (id TEXT PRIMARY KEY, balance ${integer} NOT NULL, note TEXT, raw ${blob})`,
  'CREATE TABLE entry (id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (id))',
]
const MIGRATIONS = [
  { number: 1, name: 'accounts', sqlite: TABLES('BLOB', 'INTEGER'), postgres: TABLES('BYTEA', 'BIGINT') },
  onceMigration(2),
]

const insert = (id: string, balance: Value = 0): Statement =>
  sql('INSERT INTO account (id, balance) VALUES (?, ?)', id, balance)
const balanceOf = async (db: Database, id: string): Promise<Value | undefined> =>
  (await db.read(sql('SELECT balance FROM account WHERE id = ?', id)))[0]?.balance

/** `open` gives an empty database. */
export const databaseContract = (name: string, open: () => Promise<DatabaseUnderTest>): void => {
  describe(`database: ${name}`, () => {
    let made: DatabaseUnderTest
    let db: Database
    let second: Database
    before(async () => {
      made = await open()
      db = made.db
      second = made.second ?? made.db
      await migrate(db, MIGRATIONS)
    })
    after(() => made.close())

    batches(() => db)
    expectations(() => db)
    values(() => db)
    concurrency(
      () => db,
      () => second,
    )
    builder(() => db)
  })
}

const batches = (get: () => Database): void => {
  test('all statements of a batch happen, and what they return comes back in order', async () => {
    const db = get()
    const answer = await db.atomically([
      insert('b1', 1),
      sql('UPDATE account SET balance = balance + 1 WHERE id = ? RETURNING balance', 'b1'),
      sql('SELECT balance FROM account WHERE id = ?', 'b1'),
      expecting(1, 'gone', 'UPDATE account SET balance = 9 WHERE id = ?', 'b1'),
    ])
    assert.deepEqual(answer, [[], [{ balance: 2 }], [{ balance: 2 }], []])
    assert.equal(await balanceOf(db, 'b1'), 9)
  })

  test('a reader sees what was acknowledged, and nothing of an empty batch', async () => {
    const db = get()
    for (let at = 0; at < 50; at += 1) {
      await db.atomically([insert(`ryw${at}`, at)])
      assert.equal(await balanceOf(db, `ryw${at}`), at)
    }
    assert.deepEqual(await db.atomically([]), [])
  })

  test('a statement that is wrong is our bug, undoes its batch and harms no other', async () => {
    const db = get()
    const [bad, good] = await Promise.allSettled([
      db.atomically([insert('wrong'), sql('INSERT INTO nowhere (x) VALUES (1)')]),
      db.atomically([insert('right', 5)]),
    ])
    assert.equal(bad.status === 'rejected' && bad.reason.kind, 'bug')
    assert.equal(good.status, 'fulfilled')
    assert.equal(await balanceOf(db, 'wrong'), undefined)
    assert.equal(await balanceOf(db, 'right'), 5)
    await assert.rejects(db.read(sql('SELECT * FROM nowhere')), { kind: 'bug' })
    await assert.rejects(db.atomically([sql('INSERT INTO account (id, balance) VALUES (?, ?)', 'null', null)]), {
      kind: 'bug',
    })
  })

  test('a question mark in a literal, a name or a comment is not a parameter', async () => {
    const rows = await get().read(sql(`SELECT 'it''s?' AS a, ? AS "b?" -- why?\n /* ? */`, 'x'))
    assert.deepEqual(
      rows.map((row) => ({ ...row })),
      [{ a: "it's?", 'b?': 'x' }],
    )
  })
}

const expectations = (get: () => Database): void => {
  const cases: [string, Statement][] = [
    ['an update that finds nothing', expecting(1, 'no', 'UPDATE account SET balance = 1 WHERE id = ?', 'absent')],
    ['an update that finds too much', expecting(1, 'no', "UPDATE account SET balance = 1 WHERE id LIKE 'e_'")],
    ['some, when there is none', expecting('some', 'no', 'DELETE FROM account WHERE id = ?', 'absent')],
    ['none, when there is one', expecting(0, 'no', 'SELECT id FROM account WHERE id = ?', 'e1')],
    ['a select that finds nothing', expecting(1, 'no', 'SELECT id FROM account WHERE id = ?', 'absent')],
    ['returning that returns nothing', expecting(1, 'no', 'DELETE FROM account WHERE id = ? RETURNING id', 'absent')],
    [
      'an insert that meets its like',
      expecting(1, 'no', 'INSERT INTO account (id, balance) VALUES (?, 1) ON CONFLICT DO NOTHING', 'e1'),
    ],
    ['a key that is taken', { ...insert('e1'), expect: { rows: 1, conflict: 'no' } }],
    [
      'a parent that is gone',
      { ...sql("INSERT INTO entry (id, account) VALUES ('x', 'absent')"), expect: { rows: 1, conflict: 'no' } },
    ],
    [
      'with, which no server check can wrap',
      expecting(
        1,
        'no',
        "WITH w AS (SELECT 'absent' AS id) UPDATE account SET balance = 1 WHERE id IN (SELECT id FROM w)",
      ),
    ],
  ]
  test('a failed expectation undoes its batch, before and after it, and names itself', async () => {
    const db = get()
    await db.atomically([insert('e1', 7), insert('e2', 7)])
    for (const [title, failing] of cases) {
      await assert.rejects(db.atomically([insert('before'), failing, insert('after')]), isConflict('no'), title)
      assert.equal(await balanceOf(db, 'before'), undefined, title)
      assert.equal(await balanceOf(db, 'after'), undefined, title)
      assert.equal(await balanceOf(db, 'e1'), 7, title)
    }
  })

  test('an expectation that holds changes nothing in the answer', async () => {
    const db = get()
    const answer = await db.atomically([
      expecting(1, 'no', 'INSERT INTO account (id, balance) VALUES (?, 3)', 'h1'),
      expecting('some', 'no', 'UPDATE account SET balance = 4 WHERE id = ? RETURNING id, balance', 'h1'),
      expecting(1, 'no', 'SELECT balance FROM account WHERE id = ?', 'h1'),
      expecting(0, 'no', 'SELECT balance FROM account WHERE id = ?', 'absent'),
      expecting(0, 'no', 'DELETE FROM account WHERE id = ?', 'absent'),
    ])
    assert.deepEqual(
      answer.map((rows) => rows.map((row) => ({ ...row }))),
      [[], [{ id: 'h1', balance: 4 }], [{ balance: 4 }], [], []],
    )
  })

  test('the first statement that fails gives its name, also without an expectation', async () => {
    const db = get()
    await db.atomically([insert('n1')])
    const fails = (conflict: string) => expecting(1, conflict, 'DELETE FROM account WHERE id = ?', 'absent')
    await assert.rejects(db.atomically([insert('n2'), fails('second'), fails('third')]), isConflict('second'))
    await assert.rejects(db.atomically([insert('n1')]), isConflict('constraint'))
  })

  test('of many batches at once, each fails or holds alone', async () => {
    const db = get()
    const answers = await Promise.allSettled(
      Array.from({ length: 200 }, (_, at) =>
        db.atomically([
          insert(`many${at}`, at),
          expecting(1, 'odd', 'UPDATE account SET note = ? WHERE id = ?', 'x', at % 2 === 0 ? `many${at}` : 'absent'),
        ]),
      ),
    )
    answers.forEach((answer, at) => {
      assert.equal(answer.status, at % 2 === 0 ? 'fulfilled' : 'rejected', String(at))
    })
    const [count] = await db.read(sql("SELECT count(*) AS n FROM account WHERE id LIKE 'many%'"))
    assert.equal(count?.n, 100)
  })
}

const values = (get: () => Database): void => {
  // NOTE: node:sqlite of Node 22 reads -(2n ** 63n), the one number without a positive twin, as an inexact number.
  const numbers: Value[] = [0, -1, 1_800_000_000_000, Number.MAX_SAFE_INTEGER, 2n ** 53n, 2n ** 62n, 1n - 2n ** 63n]
  test('integers are numbers while they are safe, and exact beyond', async () => {
    const db = get()
    for (const [at, value] of numbers.entries()) {
      const id = `int${at}`
      const set = sql('UPDATE account SET balance = ? WHERE id = ? RETURNING balance', value, id)
      const [, returned] = await db.atomically([insert(id), set])
      assert.equal(returned?.[0]?.balance, value)
      assert.equal(await balanceOf(db, id), value)
    }
    await db.atomically([insert('small', 5n)])
    assert.equal(await balanceOf(db, 'small'), 5)
  })

  test('texts and bytes come back as they went', async () => {
    const db = get()
    const texts = ['', ' ', "'; DROP TABLE account; --", 'ä\u0308🙂', '\\x00', '?', '$1', 'x'.repeat(100_000)]
    for (const [at, text] of texts.entries()) {
      const raw = new Uint8Array([0, 255, at, 39, 92])
      await db.atomically([
        sql('INSERT INTO account (id, balance, note, raw) VALUES (?, 0, ?, ?)', `text${at}`, text, raw),
      ])
      const [row] = await db.read(sql('SELECT note, raw FROM account WHERE id = ?', `text${at}`))
      assert.equal(row?.note, text)
      assert.ok(row?.raw instanceof Uint8Array)
      assert.deepEqual([...row.raw], [...raw])
    }
  })
}

const concurrency = (get: () => Database, other: () => Database): void => {
  test('of a hundred conditional updates on two nodes, one wins', async () => {
    const db = get()
    for (let round = 0; round < 5; round += 1) {
      const id = `race${round}`
      await db.atomically([insert(id, 0)])
      const tries = Array.from({ length: 100 }, (_, at) =>
        (at % 2 === 0 ? db : other()).atomically([
          expecting(1, 'lost', 'UPDATE account SET balance = 1 WHERE id = ? AND balance = 0', id),
          insert(`${id} by ${at}`),
        ]),
      )
      const won = (await Promise.allSettled(tries)).filter((one) => one.status === 'fulfilled')
      assert.equal(won.length, 1)
      const [count] = await db.read(sql('SELECT count(*) AS n FROM account WHERE id LIKE ?', `${id} by %`))
      assert.equal(count?.n, 1)
    }
  })

  test('of a hundred claims in a batch on two nodes, one wins, and only its batch happens', async () => {
    const db = get()
    const clock = { now: () => 1_000 }
    const once = createDbOnce(db, 'dom_test', { clock })
    const tries = Array.from({ length: 100 }, (_, at) =>
      (at % 2 === 0 ? db : other()).atomically([
        insert(`claim by ${at}`),
        once.claimStatement('refresh_token', 'same', 2_000, 'reused'),
      ]),
    )
    const answers = await Promise.allSettled(tries)
    assert.equal(answers.filter((one) => one.status === 'fulfilled').length, 1)
    for (const one of answers) if (one.status === 'rejected') assert.ok(isConflict('reused')(one.reason))
    const [count] = await db.read(sql("SELECT count(*) AS n FROM account WHERE id LIKE 'claim by %'"))
    assert.equal(count?.n, 1)
  })

  test('what an update to itself demanded still holds when its batch commits', async () => {
    const db = get()
    for (let round = 0; round < 30; round += 1) {
      const id = `guarded${round}`
      await db.atomically([insert(id, 1)])
      const use = other().atomically([
        expecting(1, 'revoked', 'UPDATE account SET note = note WHERE id = ? AND balance = 1', id),
        insert(`${id} used`),
        sql('INSERT INTO account (id, balance) SELECT ?, balance FROM account WHERE id = ?', `${id} saw`, id),
      ])
      const revoke = db.atomically([sql('UPDATE account SET balance = 0 WHERE id = ?', id)])
      await Promise.allSettled([use, revoke])
      const saw = await balanceOf(db, `${id} saw`)
      assert.ok(saw === undefined || saw === 1)
    }
  })

  test('batches that lock each other crosswise all happen', async () => {
    const db = get()
    await db.atomically([insert('cross a', 0), insert('cross b', 0)])
    const add = (id: string) => expecting(1, 'gone', 'UPDATE account SET balance = balance + 1 WHERE id = ?', id)
    const tries = Array.from({ length: 4 }, (_, at) =>
      (at % 2 === 0 ? db : other()).atomically(
        at % 4 < 2 ? [add('cross a'), add('cross b')] : [add('cross b'), add('cross a')],
      ),
    )
    const failed = (await Promise.allSettled(tries)).filter((one) => one.status === 'rejected')
    const sum = (await balanceOf(db, 'cross a')) ?? 0
    assert.equal(sum, 4 - failed.length)
    assert.equal(await balanceOf(db, 'cross b'), sum)
    assert.deepEqual(failed, [])
  })
}

const builder = (get: () => Database): void => {
  test('what the query builder writes runs on the engine', async () => {
    const db = get()
    const tables = queryBuilder<{ account: { id: string; balance: number; note: string | null } }>(db.engine)
    await db.atomically([
      toStatement(
        tables
          .insertInto('account')
          .values({ id: 'kysely', balance: 3 })
          .onConflict((conflict) => conflict.doNothing())
          .compile(),
        { rows: 1, conflict: 'taken' },
      ),
    ])
    const query = tables
      .selectFrom('account')
      .select(['id', 'balance'])
      .where('id', 'in', ['kysely', 'other?'])
      .limit(5)
    assert.deepEqual(
      (await db.read(toStatement(query.compile()))).map((row) => ({ ...row })),
      [{ id: 'kysely', balance: 3 }],
    )
  })
}
