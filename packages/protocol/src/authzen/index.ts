/** OpenID AuthZEN Authorization API 1.0. Unknown members are ignored everywhere, as it wants. */
export { Action, Resource, Subject } from './entity.ts'
export {
  EvaluationRequest,
  EvaluationResponse,
  parseEvaluationRequest,
  parseEvaluationResponse,
} from './evaluation.ts'
export {
  EVALUATION_SEMANTICS,
  type EvaluationSemantic,
  EvaluationsBody,
  type EvaluationsRequest,
  EvaluationsResponse,
  endsBatch,
  isMalformed,
  MAXIMUM_ITEMS,
  type MalformedItem,
  parseEvaluationsRequest,
} from './evaluations.ts'
export { createPdpMetadata, metadataUrl, PdpMetadata, parsePdpMetadata, WELL_KNOWN } from './metadata.ts'
export {
  ActionSearchBody,
  ActionSearchResponse,
  EntitySearchResponse,
  PAGE_LIMIT,
  type PageRequest,
  parseSearchRequest,
  ResourceSearchBody,
  type SearchKind,
  type SearchRequest,
  SubjectSearchBody,
} from './search.ts'
