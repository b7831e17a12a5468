import workerUrl from './core/proof.worker?worker&url'

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string }
}

/** The only script that this page ever names by itself, so the only policy there is. */
let trusted: { createScriptURL(url: string): string } | undefined

/** A worker that searches. Throws where the browser or the page's policy gives none. */
export function newProofWorker(): Worker {
  const types = (window as { readonly trustedTypes?: TrustedTypes }).trustedTypes
  if (types && !trusted) {
    trusted = types.createPolicy('neipix', {
      createScriptURL(url) {
        if (url !== workerUrl) throw new TypeError(`not a script of ours: ${url}`)
        return url
      },
    })
  }
  return new Worker(trusted ? trusted.createScriptURL(workerUrl) : workerUrl, { type: 'module' })
}
