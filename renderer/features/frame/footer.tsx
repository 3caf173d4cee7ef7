import { useEffect, useState } from 'react'
import type { System } from '../../../main/core/api.ts'
import { useServices, useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'

export function Footer() {
  const { client } = useServices()
  const live = useWorkspaces((state) => state.connection === 'open')
  const docker = useWorkspaces((state) => state.engine?.version ?? null)
  const [system, setSystem] = useState<System | null>(null)

  // Asked again when the server may have been another one, or have another Docker.
  useEffect(() => {
    if (!live) return
    let current = true
    client.system().then(
      (answer) => current && setSystem(answer),
      () => {}, // only decoration; the rest of the page says it if Berth is gone
    )
    return () => {
      current = false
    }
  }, [client, live, docker])

  return (
    <footer className="footer">
      {system !== null && (
        <>
          <span>{messages.footer.berth(system.version)}</span>
          {docker !== null && <span>{messages.footer.docker(docker)}</span>}
          <span>{messages.footer.free(system.disk.free_bytes)}</span>
          <span className="footer-path" title={`${messages.footer.data}: ${system.data_dir}`}>
            {system.data_dir}
          </span>
        </>
      )}
    </footer>
  )
}
