import { useEffect, useState } from 'react'
import { toApiError, type ApiError } from '../../api/client.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import type { Fragment } from '../../fragment.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Spinner } from '../../ui/spinner.tsx'
import { CenteredPage } from '../frame/centered-page.tsx'

interface OpenPageProps {
  target: NonNullable<Fragment['open']>
  onLeave: () => void
}

/** On the way to a workspace whose address was visited without a session. */
export function OpenPage({ target, onLeave }: OpenPageProps) {
  const { client } = useServices()
  const [problem, setProblem] = useState<ApiError | null>(null)
  const [attempt, setAttempt] = useState(0)

  useEffect(() => {
    let current = true
    client.open(target.id, { path: target.path }).then(
      (url) => current && location.replace(url),
      (error: unknown) => current && setProblem(toApiError(error)),
    )
    return () => {
      current = false
    }
  }, [client, target, attempt])

  function retry() {
    setProblem(null)
    setAttempt(attempt + 1)
  }

  if (problem === null) {
    return (
      <CenteredPage>
        <p className="centered-busy" role="status">
          <Spinner /> {messages.open.opening}
        </p>
      </CenteredPage>
    )
  }
  return (
    <CenteredPage title={messages.open.failed}>
      <ProblemNote problem={problem} />
      <div className="centered-actions">
        {problem.status !== 404 && (
          <Button look="primary" onClick={retry}>
            {messages.action.retry}
          </Button>
        )}
        <Button onClick={onLeave}>{messages.open.back}</Button>
      </div>
    </CenteredPage>
  )
}
