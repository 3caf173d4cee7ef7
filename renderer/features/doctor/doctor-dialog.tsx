import { useState } from 'react'
import type { Check } from '../../../main/core/api.ts'
import { useServices, useWorkspaces } from '../../context.ts'
import { moment } from '../../format.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { CopyButton } from '../../ui/copy-button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { AlertIcon, CheckIcon, ChevronIcon, ProblemIcon } from '../../ui/icons.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { useLoaded } from '../../ui/use-loaded.ts'
import { useNow } from '../../ui/use-now.ts'

const words = messages.doctor
const MARKS = { OK: CheckIcon, WARNING: AlertIcon, PROBLEM: ProblemIcon }

/** All that Berth stands on, whether it is well, and what to do. */
export function DoctorDialog({ onClose }: { onClose: () => void }) {
  const { client } = useServices()
  const [asked, setAsked] = useState(0)
  const now = useNow(30_000)
  // An engine that comes or goes changes what there is to say.
  const engine = useWorkspaces((state) => state.engine?.version ?? 'away')
  const version = `${asked} ${engine}`
  const { value, problem } = useLoaded(async () => ({ version, ...(await client.doctor()) }), version)
  const pending = value?.version !== version && problem === null

  return (
    <Dialog wide title={words.title} onClose={onClose}>
      <div className="doctor-head">
        <p className="doctor-summary" role="status">
          {value === null ? problem === null && words.checking : summaryOf(value.checks)}{' '}
          {value !== null && words.checked(moment(value.checked_at, now))}
        </p>
        {value !== null && <CopyButton text={value.report}>{words.copy}</CopyButton>}
        <Button
          look="primary"
          data-autofocus
          pending={pending}
          onClick={() => setAsked((before) => before + 1)}
        >
          {words.again}
        </Button>
      </div>
      {problem !== null && <ProblemNote problem={problem} />}
      {value !== null && (
        <ul className="rows" role="list" aria-busy={pending}>
          {value.checks.map((check) => (
            <CheckRow key={check.id} check={check} />
          ))}
        </ul>
      )}
      {value !== null && (
        <details className="more doctor-report">
          <summary>
            <ChevronIcon /> {words.report}
          </summary>
          <p className="dialog-text">{words.reportHint}</p>
          <pre>{value.report}</pre>
        </details>
      )}
    </Dialog>
  )
}

function summaryOf(checks: readonly Check[]): string {
  const many = (wanted: Check['level']) => checks.filter(({ level }) => level === wanted).length
  return words.summary(many('PROBLEM'), many('WARNING'))
}

function CheckRow({ check: { id, level, message, fix } }: { check: Check }) {
  const Mark = MARKS[level]
  return (
    <li className="row doctor-check" data-level={level}>
      <span className="doctor-mark">
        <Mark />
      </span>
      <div className="row-text">
        <p className="row-title">{words.check[id]}</p>
        <p className="doctor-message">{message}</p>
        {fix !== null && <p className="doctor-fix">{fix}</p>}
      </div>
      <span className="doctor-level">{words.level[level]}</span>
    </li>
  )
}
