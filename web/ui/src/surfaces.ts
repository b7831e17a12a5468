/* Looks that several components share, so that every floating thing floats alike. */

/** A floating panel: menu, select, popover. */
export const floatingPanel =
  'origin-(--transform-origin) rounded-lg border border-line bg-surface text-ink shadow-lg outline-none transition-[opacity,scale] duration-120 data-starting-style:scale-98 data-starting-style:opacity-0 data-ending-style:opacity-0'

/** A row that can be chosen in a floating list. */
export const optionRow =
  'flex min-h-8 w-full cursor-default items-center gap-2 rounded-sm px-2 py-1.5 text-left text-sm text-ink outline-none select-none pointer-coarse:min-h-11 data-disabled:opacity-50 data-highlighted:bg-sunken [&_svg]:size-4 [&_svg]:shrink-0'

/** The layer that dims the page under a modal. */
export const scrim =
  'fixed inset-0 z-40 bg-scrim transition-opacity duration-200 data-ending-style:opacity-0 data-starting-style:opacity-0'

/** The box of a text-like control: input, textarea, select. */
export const controlBox =
  'w-full min-w-0 rounded-md border border-line-strong bg-surface text-base text-ink transition-colors hover:border-ink-2 focus-visible:outline-offset-0 data-disabled:cursor-not-allowed data-disabled:bg-sunken data-disabled:opacity-60 data-invalid:border-danger pointer-coarse:text-[1rem]'
