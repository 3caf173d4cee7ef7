import { messages } from '../../messages.ts'
import { Field } from '../../ui/field.tsx'
import { parsePorts, togglePort } from './ports-text.ts'

const words = messages.sharing

interface PortsFieldProps {
  /** As typed: "3000, 5173". */
  text: string
  /** What listens inside now, to choose from. */
  listening: readonly number[]
  /** Whether it is said when it cannot be read. */
  checked: boolean
  onChange: (text: string) => void
}

export function PortsField({ text, listening, checked, onChange }: PortsFieldProps) {
  const ports = parsePorts(text)
  return (
    <div className="ports-field">
      <Field
        label={words.ports}
        name="ports"
        inputMode="numeric"
        placeholder={words.portsNone}
        hint={words.portsHint}
        error={checked && ports === null ? words.portsWrong : undefined}
        value={text}
        onChange={(event) => onChange(event.target.value)}
      />
      {listening.length > 0 && (
        <p className="chips" role="group" aria-label={words.listening}>
          <span className="field-hint">{words.listening}</span>
          {listening.map((port) => (
            <button
              key={port}
              type="button"
              className="chip"
              aria-label={messages.ports.port(port)}
              aria-pressed={ports?.includes(port) ?? false}
              onClick={() => onChange(togglePort(text, port))}
            >
              {port}
            </button>
          ))}
        </p>
      )}
    </div>
  )
}
