/** Parts of `oidc-provider` that its types do not list; `library.ts` gives them the types of its index. */
declare module 'oidc-provider/lib/provider.js'
declare module 'oidc-provider/lib/helpers/errors.js'
declare module 'oidc-provider/lib/helpers/interaction_policy/index.js'
