import type { ReactNode } from 'react'
import { messages } from '../../messages.ts'
import { Mark } from '../../ui/mark.tsx'
import { AccountMenu } from '../accounts/account-menu.tsx'

export function Header({ children }: { children?: ReactNode }) {
  return (
    <header className="header">
      <div className="header-row">
        <span className="brand">
          <Mark size={26} />
          {messages.product}
        </span>
        <span className="header-actions">
          {children}
          <AccountMenu />
        </span>
      </div>
    </header>
  )
}
