import type { Suite } from '../suite.ts'
import { authzen } from './authzen.ts'
import { inspector } from './inspector.ts'
import { jcs } from './jcs.ts'
import { mcp } from './mcp.ts'
import { merkle } from './merkle.ts'
import { oauth4webapi } from './oauth4webapi.ts'
import { openidClient } from './openid-client.ts'
import { wycheproof } from './wycheproof.ts'

export const suites: readonly Suite[] = [wycheproof, jcs, merkle, authzen, oauth4webapi, openidClient, inspector, mcp]
