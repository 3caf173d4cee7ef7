/** Ports as a person types them: "3000, 5173". Pure. */
const MOST = 20

/** In rising order, each once; null when it is something else, or too many. */
export function parsePorts(text: string): number[] | null {
  const words = text.split(/[\s,;]+/).filter((word) => word !== '')
  const ports = [...new Set(words.map(Number))]
  const right =
    words.every((word) => /^\d{1,5}$/.test(word)) && ports.every((port) => port >= 1 && port <= 65_535)
  return right && ports.length <= MOST ? ports.sort((a, b) => a - b) : null
}

export function portsText(ports: readonly number[]): string {
  return ports.join(', ')
}

/** With this port if it was without, and the reverse; what cannot be read stays as it is. */
export function togglePort(text: string, port: number): string {
  const ports = parsePorts(text)
  if (ports === null) return text
  return portsText(
    ports.includes(port) ? ports.filter((other) => other !== port) : [...ports, port].sort((a, b) => a - b),
  )
}
