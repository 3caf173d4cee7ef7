import { execFileSync } from 'node:child_process'

/** Says on which runtime the tests run. */
export default function setup(): void {
  const electron = process.env['BERTH_ELECTRON']
  if (electron === undefined) throw new Error('BERTH_ELECTRON is not set: run the tests with "npm test"')
  const said = execFileSync(electron, ['-p', 'JSON.stringify(process.versions)'], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    encoding: 'utf8',
  })
  const versions = JSON.parse(said) as NodeJS.ProcessVersions
  console.log(
    `Electron ${versions['electron']} (Chromium ${versions['chrome']}, Node ${versions.node}) on ${process.platform}-${process.arch}`,
  )
}
