import { useState } from 'react'
import { useShallow } from 'zustand/react/shallow'
import { useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import { orderedIds } from '../../store/workspaces.ts'
import { Button } from '../../ui/button.tsx'
import { PlusIcon } from '../../ui/icons.tsx'
import { useLasting } from '../../ui/use-lasting.ts'
import { ConnectionStrip, EngineBanner, HomeStoreBanner } from '../frame/banners.tsx'
import { RecoveredBanner } from '../frame/recovered-banner.tsx'
import { Footer } from '../frame/footer.tsx'
import { Header } from '../frame/header.tsx'
import { FoundBanner } from '../found/found-banner.tsx'
import { Doorbell, DoorbellTitle } from '../sharing/doorbell.tsx'
import { TrashButton } from '../trash/trash-button.tsx'
import { CreateDialog } from './create-dialog.tsx'
import { EmptyState } from './empty-state.tsx'
import { ListSkeleton } from './list-skeleton.tsx'
import { WorkspaceCard } from './workspace-card.tsx'

export function WorkspacesPage() {
  const ids = useWorkspaces(useShallow(orderedIds))
  const ready = useWorkspaces((state) => state.ready)
  // At its start Berth itself does not know yet; and a break shorter than this is nobody's business.
  const blind = useLasting(
    useWorkspaces((state) => state.engine?.reachable === false),
    1_000,
  )
  const lost = useLasting(
    useWorkspaces((state) => state.connection === 'lost'),
    400,
  )
  const [creating, setCreating] = useState(false)

  const createButton = (
    <Button look="primary" onClick={() => setCreating(true)}>
      <PlusIcon /> {messages.action.create}
    </Button>
  )

  return (
    <div className="page">
      <Header>
        <TrashButton />
        {ids.length > 0 && createButton}
      </Header>
      <main className="page-main">
        <h1 className="visually-hidden">{messages.list.title}</h1>
        <Doorbell />
        {blind && <EngineBanner />}
        <HomeStoreBanner />
        <RecoveredBanner />
        <FoundBanner />
        {ids.length > 0 ? (
          <ul
            className="list"
            role="list"
            aria-label={messages.list.title}
            data-stale={blind || lost || undefined}
          >
            {ids.map((id) => (
              <WorkspaceCard key={id} id={id} />
            ))}
          </ul>
        ) : ready ? (
          <EmptyState>{createButton}</EmptyState>
        ) : (
          <ListSkeleton />
        )}
      </main>
      <Footer />
      <ConnectionStrip lost={lost} />
      <DoorbellTitle />
      {creating && <CreateDialog onClose={() => setCreating(false)} />}
    </div>
  )
}
