import { Dialog } from '@base-ui/react/dialog'
import { CommandGroup, CommandInput, CommandItem, CommandList, CommandRoot, useCommandState } from 'cmdk'
import { Search } from 'lucide-react'
import type { ReactNode } from 'react'
import { Kbd } from './kbd'
import { scoreCommand } from './palette-score'
import { scrim } from './surfaces'

export interface PaletteCommand {
  id: string
  label: string
  /** Other words that people type for it. */
  keywords?: readonly string[]
  icon?: ReactNode
  shortcut?: readonly string[]
  disabled?: boolean
  onSelect: () => void
}

export interface PaletteGroup {
  id: string
  heading: string
  commands: readonly PaletteCommand[]
}

export interface CommandPaletteProps {
  open: boolean
  onOpenChange: (open: boolean) => void
  groups: readonly PaletteGroup[]
  labels: {
    /** Name of the window. */
    title: string
    placeholder: string
    /** Nothing fits. */
    empty: ReactNode
    /** Name of the list. */
    list: string
    close: string
  }
}

/** Everything a person can do, found by typing. The app binds the keys that open it. */
export function CommandPalette({ open, onOpenChange, groups, labels }: CommandPaletteProps) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Backdrop className={scrim} />
        <Dialog.Viewport className="pointer-events-none fixed inset-0 z-40 flex items-start justify-center p-4 sm:pt-[12dvh]">
          <Dialog.Popup
            data-slot="command-palette"
            className="border-line bg-surface text-ink pointer-events-auto flex max-h-[min(32rem,100%)] w-full max-w-xl flex-col overflow-hidden rounded-xl border shadow-lg transition-opacity duration-120 outline-none data-ending-style:opacity-0 data-starting-style:opacity-0"
          >
            <Dialog.Title className="sr-only">{labels.title}</Dialog.Title>
            <CommandRoot loop label={labels.title} filter={scoreCommand} className="flex min-h-0 flex-col">
              <div className="border-line flex items-center gap-2 border-b px-4">
                <Search aria-hidden className="text-ink-2 size-4 shrink-0" />
                <CommandInput
                  placeholder={labels.placeholder}
                  className="h-12 min-w-0 flex-1 bg-transparent text-base outline-none pointer-coarse:text-[1rem]"
                />
                <Dialog.Close aria-label={labels.close} className="touch-target flex rounded-sm">
                  <Kbd keys={['Esc']} />
                </Dialog.Close>
              </div>
              <PaletteList groups={groups} labels={labels} onDone={() => onOpenChange(false)} />
            </CommandRoot>
          </Dialog.Popup>
        </Dialog.Viewport>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

interface PaletteListProps extends Pick<CommandPaletteProps, 'groups' | 'labels'> {
  onDone: () => void
}

function PaletteList({ groups, labels, onDone }: PaletteListProps) {
  // A listbox without options is no listbox: cmdk's own empty state would stand inside of one.
  const nothing = useCommandState((state) => state.filtered.count === 0)
  return (
    <>
      <CommandList
        label={labels.list}
        hidden={nothing}
        className="min-h-0 flex-1 scroll-py-1 overflow-y-auto p-1"
      >
        {groups.map((group) => (
          <PaletteSection key={group.id} group={group} onDone={onDone} />
        ))}
      </CommandList>
      <div role="status" className="text-ink-2 text-center text-sm">
        {nothing ? <p className="px-3 py-8">{labels.empty}</p> : null}
      </div>
    </>
  )
}

function PaletteSection({ group, onDone }: { group: PaletteGroup; onDone: () => void }) {
  return (
    <CommandGroup
      value={group.id}
      heading={group.heading}
      className="**:[[cmdk-group-heading]]:text-2xs **:[[cmdk-group-heading]]:text-ink-2 **:[[cmdk-group-heading]]:px-3 **:[[cmdk-group-heading]]:pt-2 **:[[cmdk-group-heading]]:pb-1 **:[[cmdk-group-heading]]:font-medium"
    >
      {group.commands.map((command) => (
        <CommandItem
          key={command.id}
          value={command.id}
          keywords={[command.label, ...(command.keywords ?? [])]}
          disabled={command.disabled ?? false}
          onSelect={() => {
            onDone()
            command.onSelect()
          }}
          className="data-[selected=true]:bg-sunken [&_svg]:text-ink-2 flex min-h-9 cursor-default items-center gap-3 rounded-sm px-3 py-1.5 text-sm select-none data-[disabled=true]:opacity-50 pointer-coarse:min-h-11 [&_svg]:size-4 [&_svg]:shrink-0"
        >
          {command.icon}
          <span className="min-w-0 flex-1 truncate">{command.label}</span>
          {command.shortcut ? <Kbd keys={command.shortcut} /> : null}
        </CommandItem>
      ))}
    </CommandGroup>
  )
}
