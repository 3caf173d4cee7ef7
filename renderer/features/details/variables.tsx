import { useId, useRef } from 'react'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { CloseIcon, PlusIcon } from '../../ui/icons.tsx'
import type { Variable } from './settings-form.ts'

const words = messages.variables

interface VariablesProps {
  rows: readonly Variable[]
  error: string | undefined
  onChange: (rows: readonly Variable[]) => void
}

/** Environment variables, one a row. */
export function Variables({ rows, error, onChange }: VariablesProps) {
  const id = useId()
  const add = useRef<HTMLButtonElement>(null)
  const change = (at: number, part: Partial<Variable>) =>
    onChange(rows.map((row, index) => (index === at ? { ...row, ...part } : row)))

  /** Where the row was, the focus would be lost. */
  function remove(at: number) {
    add.current?.focus()
    onChange(rows.filter((_, index) => index !== at))
  }

  return (
    <fieldset className="field variables" aria-describedby={`${id}-hint`}>
      <legend>{words.title}</legend>
      {rows.map((row, at) => (
        <div className="variables-row" key={row.key}>
          <input
            name="env"
            aria-label={words.nameOf(at + 1)}
            aria-invalid={error === undefined ? undefined : true}
            aria-describedby={error === undefined ? undefined : `${id}-error`}
            placeholder={words.name}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            // A new row is there to be filled in.
            autoFocus={row.fresh}
            value={row.name}
            onChange={({ target }) => change(at, { name: target.value })}
          />
          <textarea
            rows={1}
            aria-label={words.valueOf(at + 1)}
            placeholder={words.value}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            value={row.value}
            onChange={({ target }) => change(at, { value: target.value })}
          />
          <Button
            look="quiet"
            icon
            aria-label={words.removeOf(row.name, at + 1)}
            title={words.remove}
            onClick={() => remove(at)}
          >
            <CloseIcon />
          </Button>
        </div>
      ))}
      <Button
        ref={add}
        onClick={() => {
          const key = 1 + Math.max(-1, ...rows.map((row) => row.key))
          onChange([...rows, { key, name: '', value: '', fresh: true }])
        }}
      >
        <PlusIcon /> {words.add}
      </Button>
      {error === undefined ? (
        <p id={`${id}-hint`} className="field-hint">
          {words.hint}
        </p>
      ) : (
        <p id={`${id}-error`} className="field-error" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  )
}
