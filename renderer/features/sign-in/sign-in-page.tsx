import { useState, type SubmitEvent } from 'react'
import { toApiError, type ApiError } from '../../api/client.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { signIn } from '../../store/session.ts'
import { Button } from '../../ui/button.tsx'
import { Field } from '../../ui/field.tsx'
import { Note, ProblemNote } from '../../ui/note.tsx'
import { CenteredPage } from '../frame/centered-page.tsx'

const words = messages.signIn

export function SignInPage({ notice }: { notice: string | null }) {
  const { client, session } = useServices()
  const [token, setToken] = useState('')
  const [error, setError] = useState<string | undefined>()
  const [problem, setProblem] = useState<ApiError | null>(null)
  const [pending, setPending] = useState(false)

  async function submit(event: SubmitEvent) {
    event.preventDefault()
    const pasted = token.trim()
    setProblem(null)
    setError(pasted === '' ? words.missing : undefined)
    if (pasted === '') return
    setPending(true)
    try {
      await signIn(session, client, { token: pasted })
    } catch (caught) {
      const failed = toApiError(caught)
      if (failed.status === 400 || failed.status === 401) setError(words.wrong)
      else setProblem(failed)
      setPending(false)
    }
  }

  return (
    <CenteredPage title={words.title}>
      {notice !== null && (
        <Note tone="warning" role="status">
          <p>{notice}</p>
        </Note>
      )}
      <p className="centered-text">{words.text}</p>
      <p className="centered-text">
        {words.or} <code>{words.tokenFile}</code> {words.orEnd}
      </p>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <Field
          label={words.token}
          type="password"
          value={token}
          maxLength={200}
          error={error}
          autoFocus
          onChange={(event) => setToken(event.target.value)}
        />
        {problem !== null && <ProblemNote problem={problem} />}
        <Button type="submit" look="primary" pending={pending}>
          {words.submit}
        </Button>
      </form>
    </CenteredPage>
  )
}
