import { useStore } from 'zustand'
import type { Usage } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'

const NONE: readonly Usage[] = []

/** What a workspace used in the last minutes, the oldest first. */
export function useUsage(id: string): readonly Usage[] {
  return useStore(useServices().usage, ({ byId }) => byId[id] ?? NONE)
}
