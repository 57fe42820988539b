/** `ends`: epoch milliseconds. */
export const taskTables: readonly string[] = [
  `CREATE TABLE task_marks (
    domain TEXT NOT NULL,
    task TEXT NOT NULL,
    made BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    PRIMARY KEY (domain, task)
  )`,
  'CREATE INDEX task_marks_ends ON task_marks (ends)',
]
