// The fallback runtime comes without Electron's own default app. This does the same: runs the app in the folder given as the first
// argument that is no flag, under that app's name. Electron is not ready before this module, and so the app's, has been evaluated.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { app } from 'electron'

const given = process.argv.slice(1).find((argument) => !argument.startsWith('-'))
if (given === undefined) {
  process.stderr.write('Usage: electron <folder of an app>\n')
  process.exit(1)
}
const folder = path.resolve(given)
const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))

/** @type {typeof app & { setVersion(version: string): void, setAppPath(folder: string): void }} */
const internal = Object.assign(app)
Object.defineProperty(process, 'defaultApp', { value: true, enumerable: true })
app.setName(manifest.productName ?? manifest.name)
internal.setVersion(manifest.version)
app.setDesktopName(manifest.desktopName ?? `${app.name}.desktop`)
internal.setAppPath(folder)
await import(pathToFileURL(createRequire(import.meta.url).resolve(folder)).href)
