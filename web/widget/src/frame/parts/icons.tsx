/** @jsxImportSource preact */

const PATHS = {
  close: 'M6 6l12 12M18 6L6 18',
  send: 'M4 12l16-8-6 16-3-7z',
  down: 'M12 5v14M6 13l6 6 6-6',
  file: 'M14 3H6v18h12V7zM14 3v4h4',
} as const

/** A sign beside words, or on a button that has a name; it says nothing by itself. */
export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
