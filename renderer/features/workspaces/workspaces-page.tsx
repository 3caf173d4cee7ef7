import { useCallback, useState } from 'react'
import { useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { PlusIcon } from '../../ui/icons.tsx'
import { useLasting } from '../../ui/use-lasting.ts'
import { ConnectionStrip, EngineBanner, HomeStoreBanner } from '../frame/banners.tsx'
import { RecoveredBanner } from '../frame/recovered-banner.tsx'
import { Footer } from '../frame/footer.tsx'
import { Header } from '../frame/header.tsx'
import { FoundBanner } from '../found/found-banner.tsx'
import { Commands } from '../palette/commands.tsx'
import { Doorbell, DoorbellTitle } from '../sharing/doorbell.tsx'
import { TrashButton } from '../trash/trash-button.tsx'
import { CreateDialog } from './create-dialog.tsx'
import { EmptyState } from './empty-state.tsx'
import { ListSkeleton } from './list-skeleton.tsx'
import { createListing } from './listing.ts'
import { NothingMatches } from './nothing-matches.tsx'
import { Toolbar } from './toolbar.tsx'
import { useView } from './use-view.ts'
import { narrows, needsTools } from './view.ts'
import { WorkspaceDialog, type DialogWish } from './workspace-dialog.tsx'
import { WorkspaceList } from './workspace-list.tsx'

export function WorkspacesPage() {
  const [view, change] = useView()
  const [arrange] = useState(createListing)
  const listing = useWorkspaces(({ byId }) => arrange(byId, view))
  const { ids, total } = listing
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
  const [dialog, setDialog] = useState<DialogWish | null>(null)
  const closeDialog = useCallback(() => setDialog(null), [])

  const createButton = (
    <Button look="primary" onClick={() => setCreating(true)}>
      <PlusIcon /> {messages.action.create}
    </Button>
  )

  return (
    <div className="page">
      <Header>
        <Commands onCreate={() => setCreating(true)} onDialog={setDialog} />
        <TrashButton />
        {total > 0 && createButton}
      </Header>
      <main className="page-main">
        <h1 className="visually-hidden">{messages.list.title}</h1>
        <Doorbell />
        {blind && <EngineBanner />}
        <HomeStoreBanner />
        <RecoveredBanner />
        <FoundBanner />
        {needsTools(total, view) && <Toolbar view={view} listing={listing} onChange={change} />}
        {narrows(view) && (
          <p className="visually-hidden" role="status">
            {messages.toolbar.shown(ids.length)}
          </p>
        )}
        {ids.length > 0 ? (
          <WorkspaceList ids={ids} layout={view.layout} stale={blind || lost} onDialog={setDialog} />
        ) : total > 0 ? (
          <NothingMatches onClear={() => change({ query: '', only: null })} />
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
      {dialog !== null && <WorkspaceDialog {...dialog} onClose={closeDialog} />}
    </div>
  )
}
