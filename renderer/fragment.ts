/** What the address bar asked for: `#code=…` signs in, `#open=<id>&next=<path>` goes on to a workspace. */
export interface Fragment {
  readonly code: string | null
  readonly open: { readonly id: string; readonly path: string | undefined } | null
}

export function readFragment(hash: string): Fragment {
  const fields = new URLSearchParams(hash.replace(/^#/, ''))
  const id = fields.get('open')
  return {
    code: fields.get('code') || null,
    open: id ? { id, path: fields.get('next') || undefined } : null,
  }
}

/** The same fragment without these fields, with its `#`, or nothing if it is empty then. */
export function without(hash: string, ...names: string[]): string {
  const fields = new URLSearchParams(hash.replace(/^#/, ''))
  for (const name of names) fields.delete(name)
  const rest = fields.toString()
  return rest === '' ? '' : `#${rest}`
}
