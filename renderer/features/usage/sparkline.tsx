import { sparkPath } from './spark-path.ts'

const WIDTH = 60
const HEIGHT = 14

interface Props {
  values: readonly number[]
  /** What the top of it stands for. */
  limit: number
}

/** How a number went in the last minutes. What it says is said in words beside it. */
export function Sparkline({ values, limit }: Props) {
  return (
    <svg
      className="sparkline"
      viewBox={`0 -1 ${WIDTH} ${HEIGHT + 2}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <path d={sparkPath(values, { limit, width: WIDTH, height: HEIGHT })} />
    </svg>
  )
}
