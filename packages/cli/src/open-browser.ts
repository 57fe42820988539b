import { spawn } from 'node:child_process'

const OPENERS: Readonly<Record<string, string>> = { darwin: 'open', linux: 'xdg-open' }

/** Only where there is a display; a browser that does not open is no error, since the link was printed. */
export const openInBrowser = (url: string): void => {
  const opener = OPENERS[process.platform]
  const display =
    process.platform !== 'linux' || process.env.DISPLAY !== undefined || process.env.WAYLAND_DISPLAY !== undefined
  if (opener === undefined || !display) return
  const child = spawn(opener, [url], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}
