import type { Shared } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { CopyButton } from '../../ui/copy-button.tsx'
import { QrCode } from './qr-code.tsx'

const words = messages.sharing

interface InvitationProps {
  made: Shared
  /** It was made just now: Enter copies it. */
  fresh: boolean
  onDone: () => void
}

/** The link to hand to a guest, told this once. */
export function Invitation({ made: { link, share }, fresh, onDone }: InvitationProps) {
  return (
    <section className="invitation" aria-label={words.link}>
      <QrCode text={link} label={words.qr} />
      <div className="invitation-text">
        <p className="switch-label">{words.link}</p>
        <code className="path">{link}</code>
        <p className="field-hint">{words.once(share.mode)}</p>
        <div className="invitation-actions">
          <CopyButton text={link} look="primary" autoFocus={fresh}>
            {words.copy}
          </CopyButton>
          <Button onClick={onDone}>{words.done}</Button>
        </div>
      </div>
    </section>
  )
}
