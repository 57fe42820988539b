/**
 * Tokens that the agent holds. INVARIANT: a token is kept under all that it was issued for (issuer, resource, client, key,
 * for whom), and found only by who asks for exactly that (MCP 2026-07-28, client registration: credentials are bound to
 * the issuer).
 */
import { hash } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { refused } from '@credence/kit'
import { withFileLock } from './file-lock.ts'
import { makePrivateFolderOf, readPrivateFile, writeNewPrivateFile } from './private-file.ts'

export interface HeldToken {
  readonly issuer: string
  readonly resource: string
  readonly clientId: string
  readonly accessToken: string
  readonly tokenType: 'DPoP' | 'Bearer'
  /** Epoch milliseconds. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** What was asked for; what came may be less. */
  readonly asked: string | undefined
  readonly scope: string | undefined
  readonly refreshToken: string | undefined
  readonly grantId: string | undefined
}

export interface TokenStore {
  get(key: string): Promise<HeldToken | undefined>
  set(key: string, token: HeldToken): Promise<void>
  delete(key: string): Promise<void>
  /** Runs alone among all who share this store, in other processes too: a refresh token is used once. */
  exclusively<T>(key: string, run: () => Promise<T>): Promise<T>
}

/** For one process. */
export const createMemoryTokenStore = (): TokenStore => {
  const tokens = new Map<string, HeldToken>()
  const last = new Map<string, Promise<unknown>>()
  return {
    get: async (key) => tokens.get(key),
    set: async (key, token) => void tokens.set(key, token),
    delete: async (key) => void tokens.delete(key),
    exclusively: (key, run) => {
      const mine = (last.get(key) ?? Promise.resolve()).then(run, run)
      last.set(key, mine)
      return mine
    },
  }
}

const TEXTS = ['issuer', 'resource', 'clientId', 'accessToken'] as const

const isHeldToken = (value: unknown): value is HeldToken => {
  if (typeof value !== 'object' || value === null) return false
  const token = value as Partial<Record<keyof HeldToken, unknown>>
  return (
    TEXTS.every((name) => typeof token[name] === 'string') &&
    (token.tokenType === 'DPoP' || token.tokenType === 'Bearer') &&
    Number.isFinite(token.issuedAt) &&
    Number.isFinite(token.expiresAt)
  )
}

/** NOTE: JSON has no undefined; absent members read as such. What is no token is left out: it is only asked for again. */
const parseTokens = (text: string, file: string): Map<string, HeldToken> => {
  try {
    return new Map(Object.entries(JSON.parse(text) as object).filter((entry) => isHeldToken(entry[1])))
  } catch (cause) {
    throw refused('token_file_invalid', `The file ${file} does not hold tokens. Delete it to start again.`, { cause })
  }
}

/**
 * Keeps tokens in one file (0600), written whole and renamed, so that a crash leaves the old or the new one. Several
 * processes may share it: every change is made to what the file holds now.
 */
export const createFileTokenStore = (file: string): TokenStore => {
  const load = async (): Promise<Map<string, HeldToken>> => {
    const text = await readPrivateFile(file)
    return text === undefined ? new Map() : parseTokens(text, file)
  }

  const change = async (edit: (tokens: Map<string, HeldToken>) => void): Promise<void> => {
    await makePrivateFolderOf(file)
    await withFileLock(`${file}.lock`, async () => {
      const tokens = await load()
      edit(tokens)
      await rm(`${file}.new`, { force: true })
      await writeNewPrivateFile(`${file}.new`, JSON.stringify(Object.fromEntries(tokens)))
      await rename(`${file}.new`, file)
    })
  }

  return {
    get: async (key) => (await load()).get(key),
    set: (key, token) => change((tokens) => void tokens.set(key, token)),
    delete: (key) => change((tokens) => void tokens.delete(key)),
    exclusively: async (key, run) => {
      await makePrivateFolderOf(file)
      return await withFileLock(`${file}.${hash('sha256', key).slice(0, 16)}.lock`, run)
    },
  }
}
