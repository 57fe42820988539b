/** The pages for people, as a table. */
import type { RouteDescription } from '@credence/kit/http'

const page = { errors: 'html', maxBody: 524_288 } as const
const json = { errors: 'problem', maxBody: 131_072 } as const

export const frontRoutes = [
  {
    method: 'GET',
    path: '/interaction/:uid',
    name: 'interaction.show',
    access: 'public',
    consequential: false,
    ...page,
  },
  {
    method: 'POST',
    path: '/interaction/:uid/allow',
    name: 'interaction.allow',
    access: 'person',
    consequential: true,
    ...page,
  },
  {
    method: 'POST',
    path: '/interaction/:uid/deny',
    name: 'interaction.deny',
    access: 'person',
    consequential: false,
    ...page,
  },
  { method: 'GET', path: '/signin', name: 'signin.show', access: 'public', consequential: false, ...page },
  {
    method: 'POST',
    path: '/signin/passkey/options',
    name: 'signin.passkey_options',
    access: 'public',
    consequential: false,
    ...json,
  },
  { method: 'POST', path: '/signin/passkey', name: 'signin.passkey', access: 'public', consequential: true, ...json },
  {
    method: 'GET',
    path: '/signin/upstream/:id',
    name: 'signin.upstream',
    access: 'public',
    consequential: false,
    ...page,
  },
  {
    method: 'GET',
    path: '/signin/callback/:id',
    name: 'signin.callback',
    access: 'public',
    consequential: true,
    ...page,
  },
  { method: 'POST', path: '/signout', name: 'signout', access: 'person', consequential: false, ...page },
  { method: 'GET', path: '/setup', name: 'setup.show', access: 'public', consequential: false, ...page },
  {
    method: 'POST',
    path: '/setup/passkey/options',
    name: 'setup.passkey_options',
    access: 'public',
    consequential: false,
    ...json,
  },
  { method: 'POST', path: '/setup/passkey', name: 'setup.passkey', access: 'public', consequential: true, ...json },
  { method: 'POST', path: '/setup/upstream', name: 'setup.upstream', access: 'public', consequential: false, ...page },
  { method: 'GET', path: '/account', name: 'account.show', access: 'public', consequential: false, ...page },
  {
    method: 'POST',
    path: '/account/grants/:id/revoke',
    name: 'account.revoke',
    access: 'person',
    consequential: true,
    ...page,
  },
  {
    method: 'POST',
    path: '/account/invitations',
    name: 'account.invite',
    access: 'person',
    consequential: true,
    ...page,
  },
  { method: 'GET', path: '/assets/passkey.js', name: 'asset.passkey', access: 'public', consequential: false },
  { method: 'GET', path: '/assets/credence.css', name: 'asset.style', access: 'public', consequential: false },
] as const satisfies readonly RouteDescription[]
