import { useState } from 'react'
import { PLAIN, recallTaste, rememberTaste, type View } from './view.ts'

const storage = () => localStorage

/** How this person looks at the list; the browser remembers what of it is taste. */
export function useView(): [View, (part: Partial<View>) => void] {
  const [view, setView] = useState<View>(() => ({ ...PLAIN, ...recallTaste(storage) }))
  const change = (part: Partial<View>) => {
    const next = { ...view, ...part }
    setView(next)
    rememberTaste(storage, next)
  }
  return [view, change]
}
