import { useEffect } from 'react'
import { useCore } from './core'
import type { Conversation } from './kinds'
import { holderOf } from './transcript-items'
import type { useHandOff } from './use-hand-off'
import { isFree } from './use-list-keys'

export interface DialogueDeeds {
  readonly conversation: Conversation
  readonly handOff: ReturnType<typeof useHandOff>
  readonly mayReply: boolean
  /** Something that is asked first. */
  readonly onAsk: (what: 'takeFrom' | 'close') => void
}

/** What the person may do with a dialogue now. */
export function useDeeds({ conversation, handOff, mayReply, onAsk }: DialogueDeeds) {
  const { me } = useCore()
  const holder = holderOf(conversation)
  const open = conversation.status !== 'CONVERSATION_STATUS_CLOSED'
  const mine = holder.is === 'operator' && holder.member === me
  const takeOver = () => {
    if (holder.is === 'operator') onAsk('takeFrom')
    // A moment later: the field to write in is drawn by then.
    else
      void handOff.act('takeOver').then(
        () => setTimeout(toComposer),
        () => undefined,
      )
  }
  return {
    mine,
    takeOver: mayReply && open && !mine ? takeOver : undefined,
    giveBack:
      mayReply && open && holder.is !== 'assistant'
        ? () => void handOff.act('return').catch(() => undefined)
        : undefined,
    close: mayReply && open ? () => onAsk('close') : undefined,
  }
}

/** The field stands only when the dialogue is the person's: it is looked for so often, a frame apart. */
const FRAMES = 30

/** Moves the keyboard to the field of the answer, as soon as there is one that can be written in. */
export function toComposer(): void {
  const look = (left: number) => {
    const field = document.querySelector<HTMLTextAreaElement>('[data-slot="composer"] textarea')
    if (field && !field.readOnly) field.focus()
    else if (left > 0) setTimeout(() => look(left - 1), 16)
  }
  look(FRAMES)
}

/** A takes the dialogue or goes to the answer, Shift+A hands it back, E closes it. */
export function useDialogueKeys(input: DialogueDeeds): void {
  const { mine, takeOver, giveBack, close } = useDeeds(input)
  const busy = input.handOff.pending !== undefined
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if ((event.code !== 'KeyA' && event.code !== 'KeyE') || !isFree(event) || busy) return
      if (event.code === 'KeyE' && event.shiftKey) return
      const deed = event.code === 'KeyE' ? close : event.shiftKey ? giveBack : mine ? toComposer : takeOver
      if (!deed) return
      event.preventDefault()
      deed()
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  })
}
