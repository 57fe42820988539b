/** The doors of the gateway, as plain data. */
export const gatewayRoutes = [
  { method: 'POST', path: '/mcp/:server', name: 'mcp.message', access: 'token', consequential: true },
  { method: 'GET', path: '/mcp/:server', name: 'mcp.stream', access: 'public', consequential: false },
  { method: 'DELETE', path: '/mcp/:server', name: 'mcp.session', access: 'public', consequential: false },
  {
    method: 'GET',
    path: '/.well-known/oauth-protected-resource/mcp/:server',
    name: 'mcp.metadata',
    access: 'public',
    consequential: false,
  },
  { method: 'GET', path: '/healthz', name: 'gateway.health', access: 'public', consequential: false },
  { method: 'GET', path: '/readyz', name: 'gateway.ready', access: 'public', consequential: false },
  { method: 'GET', path: '/metrics', name: 'gateway.metrics', access: 'public', consequential: false },
] as const
