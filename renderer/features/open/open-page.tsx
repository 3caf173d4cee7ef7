import { useEffect, useState } from 'react'
import { toApiError, type ApiError } from '../../api/client.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import type { Fragment } from '../../fragment.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Spinner } from '../../ui/spinner.tsx'
import { useLoaded } from '../../ui/use-loaded.ts'
import { CenteredPage } from '../frame/centered-page.tsx'
import { isUp } from '../workspaces/rules.ts'
import { shown } from '../workspaces/state.tsx'

interface OpenPageProps {
  target: NonNullable<Fragment['open']>
  /** A person has clicked here already, on the way to it. Otherwise any page may have led here. */
  bidden: boolean
  onLeave: () => void
}

/** On the way to a workspace whose address was visited without a session. Wakes none that nobody has asked for. */
export function OpenPage({ target, bidden, onLeave }: OpenPageProps) {
  const { client } = useServices()
  const looked = useLoaded(() => client.workspace(target.id), !bidden && target.id)
  const [clicked, setClicked] = useState(false)
  const [failed, setFailed] = useState<ApiError | null>(null)
  const [attempt, setAttempt] = useState(0)
  const workspace = looked.value
  const goes = bidden || clicked || (workspace !== null && isUp(workspace))
  const problem = failed ?? looked.problem

  useEffect(() => {
    if (!goes) return
    let current = true
    client.open(target.id, { path: target.path }).then(
      (url) => current && location.replace(url),
      (error: unknown) => current && setFailed(toApiError(error)),
    )
    return () => {
      current = false
    }
  }, [client, target, goes, attempt])

  function retry() {
    setFailed(null)
    if (goes) setAttempt(attempt + 1)
    else looked.reload()
  }

  const back = <Button onClick={onLeave}>{messages.open.back}</Button>
  if (problem !== null) {
    return (
      <CenteredPage title={messages.open.failed}>
        <ProblemNote problem={problem} />
        <div className="centered-actions">
          {problem.status !== 404 && (
            <Button look="primary" onClick={retry}>
              {messages.action.retry}
            </Button>
          )}
          {back}
        </div>
      </CenteredPage>
    )
  }
  if (goes || workspace === null) {
    return (
      <CenteredPage>
        <p className="centered-busy" role="status">
          <Spinner /> {messages.open.opening}
        </p>
      </CenteredPage>
    )
  }
  const state = shown(workspace.display_status)
  return (
    <CenteredPage title={workspace.name}>
      <p className="centered-text">
        {messages.open.is(messages.state[state], messages.list.stateHint[state])}
      </p>
      <div className="centered-actions">
        {/* Without the focus: a key that was meant for the page before is no click. */}
        <Button look="primary" onClick={() => setClicked(true)}>
          {messages.action.open}
        </Button>
        {back}
      </div>
    </CenteredPage>
  )
}
