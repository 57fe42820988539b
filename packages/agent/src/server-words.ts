/**
 * What another server said, as part of a message of ours: one line of printable characters, short, and without anything
 * secret that we had sent there, since a message is read by models, logs and terminals.
 */
const LONGEST = 300
const SHORTEST_SECRET = 8

export const serverWords = (text: unknown, secrets: readonly (string | undefined)[] = []): string => {
  let words = typeof text === 'string' ? text : ''
  for (const secret of secrets)
    if (secret !== undefined && secret.length >= SHORTEST_SECRET) words = words.replaceAll(secret, '[removed]')
  return words.replace(/[^\x20-\x7e]+/g, ' ').slice(0, LONGEST)
}
