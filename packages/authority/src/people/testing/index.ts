export {
  type Answer,
  type ConsentChoice,
  createPageBrowser,
  type FetchLike,
  inputsOf,
  type PageBrowser,
} from './page-browser.ts'
export {
  type AuthenticationAnswer,
  type AuthenticatorLevers,
  createSoftwareAuthenticator,
  type RegistrationAnswer,
  type SoftwareAuthenticator,
} from './software-authenticator.ts'
