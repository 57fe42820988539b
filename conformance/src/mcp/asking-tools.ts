/** Tools and a prompt of revision 2026-07-28 that need an answer of the client before they can go on. */
import {
  createRequestStateCodec,
  fromJsonSchema,
  type InputRequests,
  type InputRequiredResult,
  inputRequired,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server'

export const sealedState = createRequestStateCodec<{ readonly step: number }>({ key: 'k'.repeat(32) })

const nothing = () => fromJsonSchema({ type: 'object', properties: {} })
const done = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })

const askName = (message: string, field: string) =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties: { [field]: { type: 'string' } }, required: [field] },
  })
const askModel = (question: string) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: question } }],
    maxTokens: 100,
  })

const answered = (context: ServerContext, requests: InputRequests): boolean =>
  Object.keys(requests).every((key) => context.mcpReq.inputResponses?.[key] !== undefined)

const state = (step: number, context: ServerContext): Promise<string> => sealedState.mint({ step }, context)

/** One round: asks, and is done when everything was answered. */
const oneRound = (server: McpServer, name: string, requests: () => InputRequests, withState: boolean): void => {
  server.registerTool(name, { description: name, inputSchema: nothing() }, async (_arguments, context) => {
    const inputRequests = requests()
    if (answered(context, inputRequests)) return done(`state-ok ${JSON.stringify(context.mcpReq.inputResponses)}`)
    return inputRequired(withState ? { inputRequests, requestState: await state(1, context) } : { inputRequests })
  })
}

const twoRounds = (server: McpServer): void => {
  const name = 'test_input_required_result_multi_round'
  server.registerTool(
    name,
    { description: name, inputSchema: nothing() },
    async (_arguments, context): Promise<InputRequiredResult | ReturnType<typeof done>> => {
      const before = context.mcpReq.requestState<{ readonly step: number }>()?.step ?? 0
      const first = { step1: askName('Step 1: What is your name?', 'name') }
      const second = { step2: askName('Step 2: What is your favorite color?', 'color') }
      if (before === 0) return inputRequired({ inputRequests: first, requestState: await state(1, context) })
      if (before === 1 && answered(context, first))
        return inputRequired({ inputRequests: second, requestState: await state(2, context) })
      return done('complete')
    },
  )
}

/** Asks only for what the client said it can do, and refuses who cannot do what it needs. */
const byCapability = (server: McpServer): void => {
  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Asks what the client can answer', inputSchema: nothing() },
    (_arguments, context) => {
      const inputRequests = { capital_question: askModel('What is the capital of France?') }
      return answered(context, inputRequests) ? done('ok') : inputRequired({ inputRequests })
    },
  )
  // The library refuses with -32021 what the client has not declared.
  server.registerTool('test_missing_capability', { description: 'Needs sampling', inputSchema: nothing() }, () =>
    inputRequired({ inputRequests: { capital_question: askModel('What is the capital of France?') } }),
  )
}

export const askingTools = (server: McpServer): void => {
  const name = (): InputRequests => ({ user_name: askName('What is your name?', 'name') })
  oneRound(server, 'test_input_required_result_elicitation', name, false)
  oneRound(
    server,
    'test_input_required_result_sampling',
    () => ({ capital_question: askModel('What is the capital of France?') }),
    false,
  )
  oneRound(server, 'test_input_required_result_list_roots', () => ({ client_roots: inputRequired.listRoots() }), false)
  const confirm = (): InputRequests => ({ confirm: askName('Please confirm', 'ok') })
  oneRound(server, 'test_input_required_result_request_state', confirm, true)
  oneRound(server, 'test_input_required_result_tampered_state', confirm, true)
  oneRound(
    server,
    'test_input_required_result_multiple_inputs',
    () => ({ ...name(), greeting: askModel('Generate a greeting'), client_roots: inputRequired.listRoots() }),
    true,
  )
  twoRounds(server)
  byCapability(server)
}

export const askingPrompts = (server: McpServer): void => {
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'Asks for a context first' },
    (context: ServerContext) => {
      const inputRequests = { user_context: askName('What context should the prompt use?', 'context') }
      if (!answered(context, inputRequests)) return inputRequired({ inputRequests })
      return { messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'With a context.' } }] }
    },
  )
}
