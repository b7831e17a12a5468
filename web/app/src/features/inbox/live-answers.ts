import { NOTHING_YET, grow, soFar, type AnswerText, type ServerFrame } from '@neipix/api'

/*
 * Texts of running answers and who types: what the server says once and does not keep. Outside of React and of the
 * query cache, so that a word is on the screen in the frame after it came, and draws nothing but its own bubble.
 */

type Passing = Extract<ServerFrame, { t: 'partial' | 'delta' | 'typing' }>

/** An answer that grows. */
export interface LiveAnswer {
  readonly turn: string
  readonly text: string
}

/** Somebody who types. */
export interface WhoTypes {
  readonly author: string
  /** The operator; empty otherwise. */
  readonly member: string
}

/** What goes on in one dialogue; the same object until something changes. */
export interface Passed {
  readonly answers: readonly LiveAnswer[]
  readonly typing: readonly WhoTypes[]
}

const QUIET: Passed = { answers: [], typing: [] }
/** A sign of typing lasts this long. */
export const TYPING_MS = 6_000
/** So many ends are remembered, against a word that comes behind its end. */
const ENDED_MOST = 200

interface Room {
  readonly answers: Map<string, AnswerText>
  readonly typing: Map<string, WhoTypes & { timer: ReturnType<typeof setTimeout> }>
  shown: Passed
}

export class LiveAnswers {
  private readonly rooms = new Map<string, Room>()
  private readonly ended = new Set<string>()
  private readonly listeners = new Set<() => void>()

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  read(conversation: string): Passed {
    return this.rooms.get(conversation)?.shown ?? QUIET
  }

  /** Takes a frame. `false` where words before it are missing: a new socket tells them from the beginning. */
  hear(frame: Passing): boolean {
    if (frame.t === 'typing') {
      this.typed(frame.conversation, { author: frame.author, member: frame.member })
      return true
    }
    if (this.ended.has(frame.turn)) return true
    const room = this.room(frame.conversation)
    const have = room.answers.get(frame.turn)
    const text =
      frame.t === 'partial' ? soFar(frame.text) : grow(have ?? NOTHING_YET, frame.offset, frame.text)
    if (!text) return false
    if (text === have) return true
    room.answers.set(frame.turn, text)
    this.show(room)
    return true
  }

  /** The answer stands in the list of messages, or will never. */
  end(conversation: string, turn: string): void {
    this.ended.add(turn)
    const oldest = this.ended.values().next().value
    if (this.ended.size > ENDED_MOST && oldest !== undefined) this.ended.delete(oldest)
    this.forget(conversation, turn)
  }

  /** The answer begins anew. */
  restart(conversation: string, turn: string): void {
    this.ended.delete(turn)
    this.forget(conversation, turn)
  }

  /** Who has written types no more. */
  wrote(conversation: string, author: string, member: string): void {
    const room = this.rooms.get(conversation)
    const typed = room?.typing.get(author + member)
    if (!room || !typed) return
    clearTimeout(typed.timer)
    room.typing.delete(author + member)
    this.show(room)
  }

  private forget(conversation: string, turn: string): void {
    const room = this.rooms.get(conversation)
    if (room?.answers.delete(turn)) this.show(room)
  }

  private typed(conversation: string, who: WhoTypes): void {
    const room = this.room(conversation)
    const key = who.author + who.member
    const before = room.typing.get(key)
    clearTimeout(before?.timer)
    const timer = setTimeout(() => this.wrote(conversation, who.author, who.member), TYPING_MS)
    room.typing.set(key, { ...who, timer })
    if (!before) this.show(room)
  }

  private room(conversation: string): Room {
    const known = this.rooms.get(conversation)
    if (known) return known
    const made: Room = { answers: new Map(), typing: new Map(), shown: QUIET }
    this.rooms.set(conversation, made)
    return made
  }

  private show(room: Room): void {
    room.shown = {
      answers: [...room.answers].map(([turn, { text }]) => ({ turn, text })),
      typing: [...room.typing.values()].map(({ author, member }) => ({ author, member })),
    }
    for (const listener of this.listeners) listener()
  }
}
