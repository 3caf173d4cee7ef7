/** The mark: a quay, and a boat lying at it. Together they make a b. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg className="mark" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <rect className="mark-ground" width="24" height="24" rx="6.5" />
      <rect className="mark-figure" x="4.6" y="3.8" width="2.9" height="16.4" rx="1.45" />
      <path className="mark-figure" d="M9 14.6h11.2c-.3 3.4-2.6 5.6-6 5.6h-1.5A3.7 3.7 0 0 1 9 16.5v-1.9Z" />
      <path
        className="mark-figure mark-sail"
        d="M11.2 13V5c0-.6.75-.85 1.1-.37l5.5 7.5c.27.37 0 .87-.45.87h-6.15Z"
      />
    </svg>
  )
}
