import { useId, type ComponentProps } from 'react'

interface FieldProps extends Omit<ComponentProps<'input'>, 'className' | 'id'> {
  label: string
  unit?: string
  /** What may be put in, said below it. */
  hint?: string
  error?: string | undefined
}

export function Field({ label, unit, hint, error, ...input }: FieldProps) {
  const id = useId()
  const errorId = `${id}-error`
  const unitId = `${id}-unit`
  const hintId = `${id}-hint`
  const describedBy = [unit && unitId, hint && hintId, error && errorId].filter(Boolean).join(' ')
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="field-box">
        <input
          id={id}
          aria-invalid={error === undefined ? undefined : true}
          aria-describedby={describedBy === '' ? undefined : describedBy}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          {...input}
        />
        {unit !== undefined && (
          <span id={unitId} className="field-unit">
            {unit}
          </span>
        )}
      </div>
      {hint !== undefined && error === undefined && (
        <p id={hintId} className="field-hint">
          {hint}
        </p>
      )}
      {error !== undefined && (
        <p id={errorId} className="field-error" role="alert">
          {error}
        </p>
      )}
    </div>
  )
}
