import { Fragment, type ReactNode } from 'react'

interface RowProps {
  title: ReactNode
  /** Said below the title, one beside the other. */
  facts: readonly ReactNode[]
  /** More than fits beside the others. */
  more?: ReactNode
  /** What can be done with it. */
  children?: ReactNode
}

/** An item of a list in a dialog. */
export function Row({ title, facts, more, children }: RowProps) {
  return (
    <li className="row">
      <div className="row-text">
        <p className="row-title">{title}</p>
        <p className="row-facts">
          {facts.map((fact, index) => (
            <Fragment key={index}>
              {index > 0 && ' · '}
              {fact}
            </Fragment>
          ))}
        </p>
        {more}
      </div>
      {children}
    </li>
  )
}
