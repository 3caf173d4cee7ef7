import { useState, type SubmitEvent } from 'react'
import { toApiError, type ApiError, type Credential } from '../../api/client.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { signIn } from '../../store/session.ts'
import { Button } from '../../ui/button.tsx'
import { Field } from '../../ui/field.tsx'
import { Note, ProblemNote } from '../../ui/note.tsx'
import { useCall } from '../../ui/use-call.ts'
import { CenteredPage } from '../frame/centered-page.tsx'

const words = messages.signIn

interface SignInPageProps {
  notice: string | null
  /** Somebody has clicked on it. */
  onTry: () => void
}

export function SignInPage({ notice, onTry }: SignInPageProps) {
  const [way, setWay] = useState<'password' | 'token'>('password')
  const Form = way === 'password' ? PasswordForm : TokenForm
  if (window.berth !== undefined) return <DesktopPage signIn={window.berth.signIn} />
  return (
    <CenteredPage title={words.title}>
      {notice !== null && (
        <Note tone="warning" role="status">
          <p>{notice}</p>
        </Note>
      )}
      <Form onTry={onTry} />
      <span className="sign-in-other">
        <Button look="quiet" onClick={() => setWay(way === 'password' ? 'token' : 'password')}>
          {way === 'password' ? words.byToken : words.byPassword}
        </Button>
      </span>
    </CenteredPage>
  )
}

/** The desktop app signs its own user in by itself; that it could not is seldom, and over at the next try. */
function DesktopPage({ signIn }: { signIn: () => Promise<void> }) {
  const { pending, problem, run } = useCall<'sign-in'>()
  return (
    <CenteredPage title={words.title}>
      <p className="centered-text">{words.desktop}</p>
      {problem !== null && <ProblemNote problem={problem} />}
      <Button look="primary" autoFocus pending={pending !== null} onClick={() => void run('sign-in', signIn)}>
        {words.submit}
      </Button>
    </CenteredPage>
  )
}

interface FormProps {
  onTry: () => void
}

function PasswordForm({ onTry }: FormProps) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [checked, setChecked] = useState(false)
  const { pending, problem, tryWith } = useSignIn(onTry)
  const nameError = checked && name.trim() === '' ? words.nameMissing : undefined
  const passwordError = checked && password === '' ? words.passwordMissing : undefined

  function submit(event: SubmitEvent) {
    event.preventDefault()
    setChecked(true)
    if (name.trim() !== '' && password !== '') void tryWith({ name: name.trim(), password })
  }

  return (
    <form className="form" noValidate onSubmit={submit}>
      <Field
        label={words.name}
        value={name}
        maxLength={64}
        autoComplete="username"
        error={nameError}
        autoFocus
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label={words.password}
        type="password"
        value={password}
        maxLength={200}
        autoComplete="current-password"
        error={passwordError}
        onChange={(event) => setPassword(event.target.value)}
      />
      {problem !== null && <ProblemNote problem={problem} />}
      <Button type="submit" look="primary" pending={pending}>
        {words.submit}
      </Button>
    </form>
  )
}

/** For who has neither a password nor the address that Berth printed. */
function TokenForm({ onTry }: FormProps) {
  const [token, setToken] = useState('')
  const [checked, setChecked] = useState(false)
  const { pending, problem, tryWith } = useSignIn(onTry)
  const pasted = token.trim()
  // Anything but too many tries is about what was pasted.
  const wrong = problem?.status === 400 || problem?.status === 401
  const error = checked && pasted === '' ? words.missing : wrong ? words.wrong : undefined

  function submit(event: SubmitEvent) {
    event.preventDefault()
    setChecked(true)
    if (pasted !== '') void tryWith({ token: pasted })
  }

  return (
    <form className="form" noValidate onSubmit={submit}>
      <p className="centered-text">{words.text}</p>
      <p className="centered-text">
        {words.or} <code>{words.tokenFile}</code> {words.orEnd}
      </p>
      <Field
        label={words.token}
        type="password"
        value={token}
        maxLength={200}
        error={error}
        autoFocus
        onChange={(event) => setToken(event.target.value)}
      />
      {problem !== null && !wrong && <ProblemNote problem={problem} />}
      <Button type="submit" look="primary" pending={pending}>
        {words.submit}
      </Button>
    </form>
  )
}

/** One try at a time; what went wrong with the last. */
function useSignIn(onTry: () => void) {
  const { client, session } = useServices()
  const [pending, setPending] = useState(false)
  const [problem, setProblem] = useState<ApiError | null>(null)

  async function tryWith(credential: Credential): Promise<void> {
    if (pending) return
    onTry()
    setPending(true)
    setProblem(null)
    try {
      await signIn(session, client, credential)
    } catch (error) {
      setProblem(toApiError(error))
      setPending(false)
    }
  }

  return { pending, problem, tryWith }
}
