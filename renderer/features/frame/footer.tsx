import { useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import { DoctorButton } from '../doctor/doctor-place.tsx'
import { useSystem } from './use-system.ts'

export function Footer() {
  const system = useSystem()
  const docker = useWorkspaces((state) => state.engine?.version ?? null)
  return (
    <footer className="footer">
      {system !== null && (
        <>
          <span>{messages.footer.berth(system.version)}</span>
          {docker !== null && <span>{messages.footer.docker(docker)}</span>}
          <span>{messages.footer.free(system.disk.free_bytes)}</span>
          <DoctorButton look="quiet" />
          <span className="footer-path" title={`${messages.footer.data}: ${system.data_dir}`}>
            {system.data_dir}
          </span>
        </>
      )}
    </footer>
  )
}
