import { instant, place, type Conversation, type Kept, type Message } from './kinds'

/*
 * One dialogue as this page knows it. A copy of the whole is the server's state at one moment; a message that was heard
 * after it changes only what a message changes, so that an old copy under a new message never passes for a new one.
 */

/** What is known of a dialogue. */
export interface Known {
  readonly full: Kept<Conversation> | undefined
  /** The newest message that was heard. */
  readonly message: Kept<Message> | undefined
}

export const NOTHING: Known = { full: undefined, message: undefined }

/** Takes a copy of the whole. */
export function withFull(known: Known, full: Kept<Conversation>): Known {
  if (known.full && !isNewer(full, known.full)) return known
  return { ...known, full }
}

/** Takes a copy of a message. */
export function withMessage(known: Known, message: Kept<Message>): Known {
  if (known.message) {
    const [has, comes] = [place(known.message.value.seq), place(message.value.seq)]
    if (comes < has || (comes === has && message.mark < known.message.mark)) return known
  }
  return { ...known, message }
}

/** The copy of the whole, as it came. */
export function fullOf(known: Known | undefined): Conversation | undefined {
  return known?.full?.value
}

/** The dialogue with its newest message; `undefined` while no copy of the whole has come. */
export function valueOf({ full, message }: Known): Conversation | undefined {
  if (!full || !message) return full?.value
  const [has, comes] = [place(full.value.lastSeq), place(message.value.seq)]
  if (comes < has || (comes === has && message.mark <= full.mark)) return full.value
  if (comes === has) return { ...full.value, lastMessage: message.value }
  return {
    ...full.value,
    lastMessage: message.value,
    lastSeq: message.value.seq,
    ...(message.value.createTime !== undefined && { updateTime: message.value.createTime }),
  }
}

/** When something was last heard or read of it. */
export function newestMark({ full, message }: Known): number {
  return Math.max(full?.mark ?? -1, message?.mark ?? -1)
}

/** The numbers only grow, and each change has its time; of equals the later heard knows more of the last message. */
function isNewer(a: Kept<Conversation>, b: Kept<Conversation>): boolean {
  const [x, y] = [a.value, b.value]
  if (x.handlerEpoch !== y.handlerEpoch) return place(x.handlerEpoch) > place(y.handlerEpoch)
  if (x.lastSeq !== y.lastSeq) return place(x.lastSeq) > place(y.lastSeq)
  const [s, t] = [instant(x.updateTime), instant(y.updateTime)]
  return s === t ? a.mark >= b.mark : s > t
}
