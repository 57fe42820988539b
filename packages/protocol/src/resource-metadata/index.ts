/** RFC 9728 and the challenges that point to it (RFC 6750, RFC 9449, RFC 9470). */
export {
  type Challenge,
  type ChallengeFacts,
  createChallenge,
  parseAuthorization,
  parseChallenges,
} from './challenge.ts'
export {
  createResourceMetadata,
  parseResourceMetadata,
  ResourceMetadata,
  type ResourceMetadataFacts,
  resourceMetadataUrl,
  resourceMetadataUrls,
} from './metadata.ts'
