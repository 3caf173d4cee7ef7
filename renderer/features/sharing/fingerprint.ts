/** A fingerprint in lines of eight pairs, as one reads it aloud: "A1:B2:…". Pure. */
export function fingerprintLines(fingerprint: string): string[] {
  const pairs = fingerprint.toUpperCase().match(/[0-9A-F]{2}/g) ?? []
  return Array.from({ length: Math.ceil(pairs.length / 8) }, (_, line) =>
    pairs.slice(line * 8, line * 8 + 8).join(':'),
  )
}
