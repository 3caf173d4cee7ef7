import { encodeQR } from 'qr'

/** Scanners want so many modules of white around it. */
const QUIET = 4

/** A QR code as the path of its black modules, and how many modules it is wide, with white around it. Pure. */
export function qrPath(text: string): { path: string; size: number } {
  const rows = encodeQR(text, 'raw', { border: QUIET })
  return { path: rows.map(rowPath).join(''), size: rows.length }
}

/** One rectangle for each run of black. */
function rowPath(row: readonly boolean[], y: number): string {
  let path = ''
  for (let x = 0; x < row.length; x++) {
    if (row[x] !== true) continue
    const start = x
    while (row[x + 1] === true) x++
    path += `M${start} ${y}h${x + 1 - start}v1H${start}z`
  }
  return path
}
