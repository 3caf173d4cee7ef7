import type { ComponentProps, MouseEvent } from 'react'
import { Spinner } from './spinner.tsx'

interface ButtonProps extends Omit<ComponentProps<'button'>, 'className'> {
  look?: 'primary' | 'plain' | 'soft' | 'danger' | 'quiet'
  /** Only an icon inside; needs `aria-label`. */
  icon?: boolean
  /** Its work is under way. It keeps its place, its name and the focus, and ignores clicks. */
  pending?: boolean
}

export function Button({
  look = 'plain',
  icon = false,
  pending = false,
  onClick,
  children,
  ...rest
}: ButtonProps) {
  function click(event: MouseEvent<HTMLButtonElement>) {
    // The second click of a double click would land on what the first one put in this place.
    if (pending || event.detail > 1) event.preventDefault()
    else onClick?.(event)
  }
  return (
    <button
      type="button"
      className={`button button-${look}${icon ? ' button-icon' : ''}`}
      aria-busy={pending || undefined}
      aria-disabled={pending || undefined}
      onClick={click}
      {...rest}
    >
      <span className="button-face">{children}</span>
      {pending && <Spinner />}
    </button>
  )
}
