import { FuseState, FuseV1Options, FuseVersion, flipFuses, getCurrentFuseWire } from '@electron/fuses'

/**
 * What the packaged app can be talked into, decided in its binary, where nobody turns it on again by an environment
 * variable or a flag.
 * @param {NodeJS.Platform} platform
 * @returns {Record<string, boolean>} by their names in `FuseV1Options`
 */
export const fusesFor = (platform) => ({
  // Our own program is not a Node for anybody's scripts.
  RunAsNode: false,
  EnableNodeOptionsEnvironmentVariable: false,
  EnableNodeCliInspectArguments: false,
  EnableCookieEncryption: true,
  // Only the app that was packaged, and only as it was packaged.
  OnlyLoadAppFromAsar: true,
  EnableEmbeddedAsarIntegrityValidation: platform === 'darwin' || platform === 'win32',
  LoadBrowserProcessSpecificV8Snapshot: false,
  // Our pages come from http://127.0.0.1.
  GrantFileProtocolExtraPrivileges: false,
})

/**
 * Sets the fuses of a packaged app, before it is signed.
 * @param {string} executable The app's executable, or its bundle on macOS.
 * @param {NodeJS.Platform} platform
 * @throws when they are not what they should be afterwards
 */
export async function setFuses(executable, platform) {
  const wanted = Object.entries(fusesFor(platform))
  await flipFuses(executable, {
    version: FuseVersion.V1,
    resetAdHocDarwinSignature: platform === 'darwin',
    ...Object.fromEntries(wanted.map(([name, on]) => [FuseV1Options[/** @type {any} */ (name)], on])),
  })
  const now = await readFuses(executable)
  const wrong = wanted.filter(([name, on]) => now[name] !== on).map(([name]) => name)
  if (wrong.length > 0) throw new Error(`These fuses of ${executable} could not be set: ${wrong.join(', ')}`)
}

/**
 * @param {string} executable
 * @returns {Promise<Record<string, boolean>>} those that this Electron has
 */
export async function readFuses(executable) {
  const wire = Object.entries(await getCurrentFuseWire(executable)).filter(([key]) => key !== 'version')
  return Object.fromEntries(
    wire.map(([index, state]) => [FuseV1Options[Number(index)], state === FuseState.ENABLE]),
  )
}
