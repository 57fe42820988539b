/**
 * The one script of the pages: carries options and answers of passkeys between the server and the browser. Served as a
 * file, since nothing inline runs. Written for what browsers run, without a build step.
 */
export const PASSKEY_SCRIPT = `'use strict'
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '')
const say = (message, bad) => {
  const status = document.getElementById('status')
  status.textContent = message
  status.classList.toggle('bad', Boolean(bad))
}
const post = async (path, body) => {
  const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const value = await answer.json()
  if (!answer.ok) throw new Error(value.detail || 'That did not work.')
  return value
}
const described = (credential) => ({
  id: credential.id,
  rawId: text(credential.rawId),
  type: credential.type,
  authenticatorAttachment: credential.authenticatorAttachment || undefined,
  clientExtensionResults: credential.getClientExtensionResults(),
})
const signIn = async (form) => {
  const options = await post('/signin/passkey/options', {})
  const credential = await navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: [] },
  })
  const { response } = credential
  const done = await post('/signin/passkey', {
    return: form.dataset.return,
    response: {
      ...described(credential),
      response: {
        clientDataJSON: text(response.clientDataJSON),
        authenticatorData: text(response.authenticatorData),
        signature: text(response.signature),
        userHandle: response.userHandle ? text(response.userHandle) : undefined,
      },
    },
  })
  location.assign(done.next)
}
const enrol = async (form) => {
  const token = location.hash.slice(1)
  const name = form.elements.name.value
  const options = await post('/setup/passkey/options', { token, name })
  const credential = await navigator.credentials.create({
    publicKey: {
      ...options.publicKey,
      challenge: bytes(options.publicKey.challenge),
      user: { ...options.publicKey.user, id: bytes(options.publicKey.user.id) },
      excludeCredentials: [],
    },
  })
  const { response } = credential
  const done = await post('/setup/passkey', {
    token,
    name,
    person: options.person,
    response: {
      ...described(credential),
      response: {
        clientDataJSON: text(response.clientDataJSON),
        attestationObject: text(response.attestationObject),
        transports: response.getTransports ? response.getTransports() : [],
      },
    },
  })
  location.assign(done.next)
}
const start = (form, work, doing) => {
  form.addEventListener('submit', async (event) => {
    if (event.submitter && event.submitter.name === 'upstream') {
      form.elements.token.value = location.hash.slice(1)
      return
    }
    event.preventDefault()
    const buttons = form.querySelectorAll('button')
    for (const button of buttons) button.disabled = true
    say(doing)
    try {
      await work(form)
    } catch (error) {
      const cancelled = error.name === 'NotAllowedError'
      say(cancelled ? 'No passkey was chosen. You can try again.' : error.message, true)
      for (const button of buttons) button.disabled = false
    }
  })
}
const signInForm = document.getElementById('sign-in')
if (signInForm) start(signInForm, signIn, 'Waiting for your passkey …')
const enrolForm = document.getElementById('enrol')
if (enrolForm) {
  start(enrolForm, enrol, 'Creating your passkey …')
  if (location.hash.length < 2) say('This address is incomplete: copy the whole link, with everything after the #.', true)
}
if (!window.PublicKeyCredential) say('This browser does not know passkeys. Please use a newer one.', true)
`
