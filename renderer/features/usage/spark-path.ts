/** So many samples fill the width: five minutes, at one in five seconds. */
export const STEPS = 60

/**
 * The line of a sparkline as an SVG path, the newest value at the right edge: in a box of `width` by `height`, in which
 * `limit` is the top. Empty without values; one alone is a line of one step.
 */
export function sparkPath(
  values: readonly number[],
  { limit, width, height }: { limit: number; width: number; height: number },
): string {
  const shown = values.slice(-STEPS - 1)
  const line = shown.length === 1 ? [shown[0]!, shown[0]!] : shown
  const points = line.map((value, index) => {
    const x = width - ((line.length - 1 - index) * width) / STEPS
    const part = limit > 0 ? Math.min(1, Math.max(0, value / limit)) : 0
    return `${tenth(x)} ${tenth(height * (1 - part))}`
  })
  return points.length === 0 ? '' : `M${points.join('L')}`
}

const tenth = (value: number): number => Math.round(value * 10) / 10
