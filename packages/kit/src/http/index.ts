export { bindRoutes } from './bind.ts'
export { Params } from './params.ts'
export { HANDLED, replyHtml, replyJson, replyNothing, replyRedirect, replyText } from './reply.ts'
export { servedMetrics } from './served-metrics.ts'
export {
  createHttpServer,
  type HttpServer,
  type HttpServerOptions,
  type Served,
  type ServerLimits,
} from './server.ts'
export type {
  EdgeHeaders,
  EdgeRequest,
  EdgeResponse,
  ErrorFormat,
  FormOptions,
  Handler,
  Method,
  Mount,
  Route,
  RouteDescription,
} from './types.ts'
