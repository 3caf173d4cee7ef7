/** Brings the first field that is wrong into view; whether there is one. */
export function focusFirst(form: HTMLFormElement, errors: Readonly<Record<string, unknown>>): boolean {
  const [first] = Object.keys(errors)
  if (first === undefined) return false
  const wrong = form.querySelector<HTMLInputElement>(`[name="${first}"]`)
  wrong?.closest('details')?.setAttribute('open', '')
  wrong?.focus()
  return true
}
