/** The text of what a container, or a command in one, has said. Its frames are: stream (1 byte), three zeros, length (4 bytes, big endian), data. */
export function demultiplex(log: Buffer): string {
  const parts: Buffer[] = []
  for (let at = 0; at + 8 <= log.length;) {
    const length = log.readUInt32BE(at + 4)
    parts.push(log.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return Buffer.concat(parts).toString('utf8')
}
