/**
 * The library, loaded by its parts. NOTE: its index writes a warning about the runtime to the console whenever Node's
 * release has no LTS name, as some packaged builds of LTS releases have not; the parts are the same, pinned exactly.
 */
import type { interactionPolicy as InteractionPolicy, default as OidcProvider } from 'oidc-provider'
import * as policy from 'oidc-provider/lib/helpers/interaction_policy/index.js'
import { Provider as ProviderClass } from 'oidc-provider/lib/provider.js'

export const Provider: typeof OidcProvider = ProviderClass
export const interactionPolicy: typeof InteractionPolicy = policy
