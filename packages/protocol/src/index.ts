/**
 * Every standard has a subpath of its own (`@credence/protocol/jose`, `/dpop`, `/oauth` ...); import from there.
 * The root names the revisions that are spoken.
 */
export const SPOKEN = {
  mcp: ['2026-07-28', '2025-11-25'],
  cimd: 'draft-ietf-oauth-client-id-metadata-document-02',
  coaz: 'COAZ-MCP binding draft 1',
  authzen: '1.0',
  wimseIdentifier: 'draft-ietf-wimse-identifier-03',
} as const
