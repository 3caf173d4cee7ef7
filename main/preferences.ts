import { existsSync, realpathSync } from 'node:fs'
import { checkSettings, readSettingsFile, settingsFile, type Config, type FileSettings } from './config.ts'
import { patchSettings, type PatchSettings, type Settings } from './core/api.ts'
import { AppError } from './core/errors.ts'
import { writeWhole } from './data-dir.ts'
import type { WorkspaceDefaults } from './service/workspaces.ts'

const NAMES = patchSettings.keyof().options

export type Preferences = ReturnType<typeof createPreferences>

/** The part of the configuration that a person changes while Berth runs. It is kept in `settings.json`. A listener that throws is told to `onError`. */
export function createPreferences(config: Config, onError: (error: unknown) => void) {
  const fixed = NAMES.filter((name) => config.fixed.includes(name))
  const listeners = new Set<(settings: Settings) => void>()
  let now = toWire(config)

  function toWire(read: Omit<FileSettings, 'home_store'>): Settings {
    const told = Object.fromEntries(NAMES.map((name) => [name, read[name] ?? null]))
    const set = Object.fromEntries(fixed.map((name) => [name, config[name] ?? null]))
    return { ...(told as Omit<Settings, 'fixed'>), ...set, fixed: [...fixed] }
  }

  return {
    get: (): Settings => now,

    /**
     * Changes some, in the file too, whole or not at all. What a person has written into the file meanwhile stays, and holds from now on.
     * @throws {AppError} INVALID_INPUT when a value, or the file, is not valid, or a flag or a variable has set one of these; nothing is changed then.
     */
    patch(change: PatchSettings): Settings {
      const held = fixed.find((name) => name in change)
      if (held !== undefined)
        throw new AppError('INVALID_INPUT', `${held} was set by a flag or by the environment`, {
          hint: `Start Berth without --${held.replaceAll('_', '-')} and BERTH_${held.toUpperCase()}.`,
        })
      const path = settingsFile(config.data_dir)
      const content = readSettingsFile(path)
      for (const [name, value] of Object.entries(change)) {
        if (value === null) Reflect.deleteProperty(content, name)
        else content[name] = value
      }
      const next = toWire(checkSettings(content, path))
      // A person may keep it elsewhere, and have a link here.
      writeWhole(existsSync(path) ? realpathSync(path) : path, JSON.stringify(content, null, 2))
      now = next
      for (const listener of listeners) {
        try {
          listener(now)
        } catch (error) {
          onError(error)
        }
      }
      return now
    },

    /** Calls after each change, until the function that this returns is called. */
    subscribe(listener: (settings: Settings) => void): () => void {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** What a workspace begins with. */
export const defaultsOf = (settings: Settings): WorkspaceDefaults => ({
  imageRef: settings.image,
  cpus: settings.cpus,
  memoryBytes: settings.memory_bytes,
  standbyTtlSeconds: settings.standby_ttl_seconds,
  archiveTtlSeconds: settings.archive_ttl_seconds,
})
