import { useId } from 'react'

interface RadiosProps<Name extends string> {
  label: string
  options: Readonly<Record<Name, { readonly label: string; readonly hint?: string }>>
  current: Name
  disabled?: boolean
  onSelect: (name: Name) => void
}

/** One of a few. */
export function Radios<Name extends string>({
  label,
  options,
  current,
  disabled,
  onSelect,
}: RadiosProps<Name>) {
  const group = useId()
  return (
    <fieldset className="radios" disabled={disabled}>
      <legend>{label}</legend>
      {(Object.keys(options) as Name[]).map((name) => (
        <label key={name} className="choice">
          <input type="radio" name={group} checked={name === current} onChange={() => onSelect(name)} />
          <span>
            {options[name].label}
            {options[name].hint !== undefined && <span className="field-hint">{options[name].hint}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  )
}
