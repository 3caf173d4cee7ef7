/** Where the gateway reaches code-server; `cookie` is what opens it and never leaves the main process. */
export type Upstream =
  { readonly socketPath: string } | { readonly host: string; readonly port: number; readonly cookie: string }

/** The options of `http.request` that reach this upstream. */
export function connectionOf(upstream: Upstream): { socketPath: string } | { host: string; port: number } {
  return 'socketPath' in upstream
    ? { socketPath: upstream.socketPath }
    : { host: upstream.host, port: upstream.port }
}
