import { useLayoutEffect, useState, type RefObject } from 'react'

/** How wide an element is, and how far it begins below the top of the page, in pixels; 0 until that is known. */
export function usePlace(ref: RefObject<HTMLElement | null>): { width: number; top: number } {
  const [place, setPlace] = useState({ width: 0, top: 0 })

  useLayoutEffect(() => {
    const element = ref.current
    const around = element?.parentElement
    if (element === null || !around) return
    const measure = () => {
      const width = element.clientWidth
      const top = Math.round(element.getBoundingClientRect().top + window.scrollY)
      setPlace((known) => (known.width === width && known.top === top ? known : { width, top }))
    }
    // What comes and goes above it makes what is around it grow and shrink.
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    observer.observe(around)
    measure()
    return () => observer.disconnect()
  }, [ref])

  return place
}
