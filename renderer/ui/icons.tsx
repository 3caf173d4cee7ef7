import type { ReactNode } from 'react'

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  )
}

export function PlusIcon() {
  return (
    <Icon>
      <path d="M8 3.25v9.5M3.25 8h9.5" />
    </Icon>
  )
}

export function TrashIcon() {
  return (
    <Icon>
      <path d="M2.75 4.25h10.5M6.25 4V2.75h3.5V4M4 4.25l.6 8.1c.05.5.45.9.95.9h4.9c.5 0 .9-.4.95-.9l.6-8.1M6.75 7v3.5M9.25 7v3.5" />
    </Icon>
  )
}

export function DetailsIcon() {
  return (
    <Icon>
      <path d="M5.75 4h7.5M5.75 8h7.5M5.75 12h7.5M2.75 4h.01M2.75 8h.01M2.75 12h.01" />
    </Icon>
  )
}

export function CloseIcon() {
  return (
    <Icon>
      <path d="m4.25 4.25 7.5 7.5M11.75 4.25l-7.5 7.5" />
    </Icon>
  )
}

export function ChevronIcon() {
  return (
    <Icon>
      <path d="m6 4 4 4-4 4" />
    </Icon>
  )
}

export function PersonIcon() {
  return (
    <Icon>
      <path d="M8 7.75a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM3 13.25c.5-2.3 2.4-3.5 5-3.5s4.5 1.2 5 3.5" />
    </Icon>
  )
}

/** A boat under sail: the editor answers. */
export function SailingIcon() {
  return (
    <Icon>
      <path d="M2.25 11h11.5c-.5 1.6-1.6 2.5-3.2 2.5h-5.1c-1.6 0-2.7-.9-3.2-2.5Z" />
      <path d="M7.5 8.75V1.75l5 7h-5ZM5.25 8.75 5.25 5.5 3.25 8.75h2Z" />
    </Icon>
  )
}

/** The same boat with its sails down: asleep, nothing lost. */
export function MooredIcon() {
  return (
    <Icon>
      <path d="M2.25 11h11.5c-.5 1.6-1.6 2.5-3.2 2.5h-5.1c-1.6 0-2.7-.9-3.2-2.5Z" />
      <path d="M7.5 10.75v-9M7.5 8.25h4.25" />
    </Icon>
  )
}

/** An empty berth between two piles: nothing made yet. */
export function BerthIcon() {
  return (
    <Icon>
      <path d="M2.75 2.5v11M13.25 2.5v11" />
      <path d="M5.25 11h5.5" strokeDasharray="1.5 2.25" />
    </Icon>
  )
}

export function ArchiveIcon() {
  return (
    <Icon>
      <path d="M2.25 3h11.5v3H2.25zM3.25 6v6.25c0 .4.35.75.75.75h8c.4 0 .75-.35.75-.75V6M6.5 8.75h3" />
    </Icon>
  )
}

/** Out of the box: to others. */
export function ShareIcon() {
  return (
    <Icon>
      <path d="M8 9.75v-7.5M5.25 4.75 8 2.25l2.75 2.5M4.5 7.25H3.25v6h9.5v-6H11.5" />
    </Icon>
  )
}

/** A socket on the wall. */
export function PortIcon() {
  return (
    <Icon>
      <path d="M2.5 2.75h11v10.5h-11zM5 10.5v-4h1.75V5h2.5v1.5H11v4zM7 10.5V9M9 10.5V9" />
    </Icon>
  )
}

export function CheckIcon() {
  return (
    <Icon>
      <circle cx="8" cy="8" r="5.75" />
      <path d="m5.5 8.25 1.75 1.75 3.25-3.75" />
    </Icon>
  )
}

/** A stop sign with a cross. */
export function ProblemIcon() {
  return (
    <Icon>
      <path d="M5.6 2.25h4.8l3.35 3.35v4.8l-3.35 3.35H5.6L2.25 10.4V5.6zM6 6l4 4M10 6l-4 4" />
    </Icon>
  )
}

export function AlertIcon() {
  return (
    <Icon>
      <path d="M8 2.25 1.9 13h12.2L8 2.25ZM8 6.5v3" />
      <path d="M8 11.25h.01" />
    </Icon>
  )
}

export function SearchIcon() {
  return (
    <Icon>
      <path d="M7 11.25a4.25 4.25 0 1 0 0-8.5 4.25 4.25 0 0 0 0 8.5ZM10.25 10.25l3 3" />
    </Icon>
  )
}

export function ListIcon() {
  return (
    <Icon>
      <path d="M2.75 3h10.5v4H2.75zM2.75 9.5h10.5v3.5H2.75z" />
    </Icon>
  )
}

export function GridIcon() {
  return (
    <Icon>
      <path d="M2.75 2.75H7V7H2.75zM9 2.75h4.25V7H9zM2.75 9H7v4.25H2.75zM9 9h4.25v4.25H9z" />
    </Icon>
  )
}

export function SlidersIcon() {
  return (
    <Icon>
      <path d="M2.75 5h5.5M11.75 5h1.5M2.75 11h1.5M7.75 11h5.5" />
      <circle cx="10" cy="5" r="1.75" />
      <circle cx="6" cy="11" r="1.75" />
    </Icon>
  )
}
