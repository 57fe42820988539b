export { isPublicAddress } from './public-address.ts'
export {
  createSafeFetch,
  type Lookup,
  type ResolvedAddress,
  type SafeFetch,
  type SafeFetchOptions,
  type SafeRequest,
  type SafeResponse,
} from './safe-fetch.ts'
