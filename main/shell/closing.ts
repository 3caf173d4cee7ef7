/** What follows when a person closes the last window. `ask`: they are told first that workspaces run on. */
export type Closing = 'hide' | 'ask' | 'quit'

export interface Situation {
  /** Other windows are there. */
  others: boolean
  /** The person wants Berth to stay in the tray. */
  toTray: boolean
  /** How many workspaces run. */
  running: number
  /** The person was told once what quitting means. */
  told: boolean
}

/** Closing the last window quits, unless the person wants otherwise; the dashboard's is hidden while others are there. */
export function closing({ others, toTray, running, told }: Situation): Closing {
  if (others || toTray) return 'hide'
  return running > 0 && !told ? 'ask' : 'quit'
}
