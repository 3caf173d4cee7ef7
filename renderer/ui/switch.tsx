interface SwitchProps {
  name?: string
  label: string
  hint?: string
  checked: boolean
  onChange: (checked: boolean) => void
}

export function Switch({ name, label, hint, checked, onChange }: SwitchProps) {
  return (
    <label className="switch">
      <input
        type="checkbox"
        role="switch"
        name={name}
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span>
        <span className="switch-label">{label}</span>
        {hint !== undefined && <span className="field-hint">{hint}</span>}
      </span>
    </label>
  )
}
