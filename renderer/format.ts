/** Numbers and times as a person reads them. Pure: what time it is comes in. */
const LOCALE = 'en'

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 })
const tenth = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 1, maximumFractionDigits: 1 })
const exact = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 })
const clock = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const calendar = new Intl.DateTimeFormat(LOCALE, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
})
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto' })

/** What travels or lies on a disk, in powers of ten. */
export function bytes(count: number): string {
  if (count < 999_500) return `${whole.format(count / 1e3)} KB`
  if (count < 999_500_000) return `${whole.format(count / 1e6)} MB`
  return `${tenth.format(count / 1e9)} GB`
}

/** Memory, which everybody counts in powers of two and calls GB. */
export function memory(count: number): string {
  return `${exact.format(count / 2 ** 30)} GB`
}

/** Memory in use, in powers of two like its limit: "310 MB", "1.3 GB". */
export function usedMemory(count: number): string {
  if (count < 1_023.5 * 2 ** 20) return `${whole.format(count / 2 ** 20)} MB`
  return `${tenth.format(count / 2 ** 30)} GB`
}

export function tenths(value: number): string {
  return tenth.format(value)
}

export function decimal(value: number): string {
  return exact.format(value)
}

export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${two(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** How long until something happens, never less than it is: "45 s", "4 min", "23 h", "6 days". */
export function ahead(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1_000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.ceil(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.ceil(seconds / 3_600)
  return hours <= 48 ? `${hours} h` : `${Math.ceil(seconds / 86_400)} days`
}

/** A point in time on a person's clock, with the day unless that is today. */
export function moment(at: string, now: number): string {
  const date = new Date(at)
  const today = date.toDateString() === new Date(now).toDateString()
  return (today ? clock : calendar).format(date)
}

export function count(value: number): string {
  return whole.format(value)
}

/** `null` when it is too recent to put in numbers. */
export function ago(milliseconds: number): string | null {
  const minutes = Math.floor(milliseconds / 60_000)
  if (minutes < 1) return null
  if (minutes < 60) return relative.format(-minutes, 'minute')
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return relative.format(-hours, 'hour')
  return relative.format(-Math.floor(hours / 24), 'day')
}
