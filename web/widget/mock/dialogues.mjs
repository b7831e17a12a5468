/*
 * A stand-in for the product's widget calls, as far as the frame can tell: visitors, one dialogue each, turns that are
 * written piece by piece, and a stream that goes on where it broke off.
 */
import { randomBytes, randomUUID } from 'node:crypto'

const encoder = new TextEncoder()

/** The answer's pieces, its sources, and the pause before each piece in milliseconds. */
export const ANSWER = {
  text:
    'Доставка по Москве стоит **350 ₽**, от 3 000 ₽ она бесплатна [1].\n\n' +
    '- курьером: завтра с 10 до 22\n- в пункт выдачи: через 2 дня\n\n' +
    'Вернуть товар можно в течение **14 дней** [2]. Подробнее: [правила](https://shop.example/rules).',
  citations: [
    {
      n: 1,
      title: 'Доставка и оплата.pdf',
      page: 2,
      quote: 'Стоимость доставки по Москве 350 рублей, при заказе от 3 000 рублей бесплатно.',
    },
    { n: 2, title: 'Правила возврата.docx', page: 1, quote: 'Товар принимается обратно в течение 14 дней.' },
  ],
  pause: 40,
}

/** One visitor's dialogue. */
class Dialogue {
  id = randomUUID()
  handler = 'HANDLER_ASSISTANT'
  messages = []
  answer = undefined
  watchers = new Set()
  /** One turn at a time. */
  turns = Promise.resolve()

  tell(event, data, id) {
    for (const watcher of this.watchers) watcher(event, data, id)
  }

  append(fields) {
    const message = {
      id: randomUUID(),
      seq: String(this.messages.length + 1),
      author: 'AUTHOR_CONTACT',
      text: '',
      clientId: '',
      turnId: '',
      interrupted: false,
      citations: [],
      createTime: new Date().toISOString(),
      ...fields,
    }
    this.messages.push(message)
    this.tell('message', message, message.seq)
    return message
  }

  state() {
    return {
      id: this.id,
      status: 'CONVERSATION_STATUS_OPEN',
      handler: this.handler,
      lastSeq: String(this.messages.length),
    }
  }

  partial() {
    const { turnId, text } = this.answer
    return { turnId, answering: true, text, offset: String(encoder.encode(text).length) }
  }

  /** Writes an answer as the product does: pieces, then the message, then the end of the turn. */
  async reply(turnId, { text, citations, pause }) {
    this.answer = { turnId, text: '' }
    this.tell('partial', this.partial())
    for (const piece of text.match(/[\s\S]{1,7}/g) ?? []) {
      await new Promise((next) => setTimeout(next, pause))
      const offset = String(encoder.encode(this.answer.text).length)
      this.answer.text += piece
      this.tell('delta', { turnId, offset, text: piece })
    }
    this.answer = undefined
    const message = this.append({ author: 'AUTHOR_ASSISTANT', text, citations, turnId })
    this.tell('ended', { turnId, messageId: message.id, toPerson: false })
  }
}

/** All visitors of one widget. */
export class Dialogues {
  visitors = new Map()
  access = new Map()
  answer = ANSWER
  /** A `sub` for each identity token that is to be taken. */
  identities = new Map()

  start({ visitorToken, identityToken }) {
    let visitor = visitorToken ? this.visitors.get(visitorToken) : undefined
    if (visitorToken && !visitor) return { refused: 'VISITOR_TOKEN_INVALID' }
    let token = ''
    let replaced = false
    if (identityToken) {
      const sub = this.identities.get(identityToken)
      if (!sub) return { refused: 'IDENTITY_INVALID' }
      if (visitor?.sub && visitor.sub !== sub) {
        this.visitors.delete(visitorToken)
        visitor = undefined
        replaced = true
      }
      if (visitor) visitor.sub = sub
      else visitor = { id: randomUUID(), sub, dialogue: undefined }
      token = this.keep(visitor)
    } else if (!visitor) {
      visitor = { id: randomUUID(), sub: '', dialogue: undefined }
      token = this.keep(visitor)
    }
    const accessToken = `at_${randomBytes(12).toString('hex')}`
    this.access.set(accessToken, visitor)
    return {
      visitorId: visitor.id,
      visitorToken: token,
      accessToken,
      expiresInSeconds: 900,
      identified: visitor.sub !== '',
      conversationId: visitor.dialogue?.id ?? '',
      replaced,
    }
  }

  keep(visitor) {
    const token = `vt_${randomBytes(32).toString('base64url')}`
    this.visitors.set(token, visitor)
    return token
  }

  reset(token) {
    const visitor = this.visitors.get(token)
    this.visitors.delete(token)
    for (const [access, one] of this.access) if (one === visitor) this.access.delete(access)
  }

  /** Takes a message; a repeat of its id is the same message. */
  send(visitor, { clientId, text }) {
    const dialogue = (visitor.dialogue ??= new Dialogue())
    const known = dialogue.messages.find((one) => one.clientId === clientId)
    if (known) return { message: known, conversationId: dialogue.id, turnId: known.turnId, duplicate: true }
    const answered = dialogue.handler === 'HANDLER_ASSISTANT'
    const turnId = answered ? randomUUID() : ''
    const message = dialogue.append({ text, clientId, turnId })
    if (answered) dialogue.turns = dialogue.turns.then(() => dialogue.reply(turnId, this.answer))
    return { message, conversationId: dialogue.id, turnId, duplicate: false }
  }

  /** A page of messages, newest first; the token is the number before which it begins. */
  list(visitor, pageSize, pageToken) {
    const dialogue = visitor.dialogue
    if (!dialogue) return { messages: [], nextPageToken: '' }
    const end = pageToken ? Number(pageToken) : dialogue.messages.length
    const begin = Math.max(0, end - pageSize)
    return {
      messages: dialogue.messages.slice(begin, end).reverse(),
      nextPageToken: begin > 0 ? String(begin) : '',
      conversation: dialogue.state(),
      ...(dialogue.answer && { answer: dialogue.partial() }),
    }
  }

  /** What a person of the company does. */
  operator(visitor, text) {
    const { dialogue } = visitor
    if (dialogue.handler !== 'HANDLER_OPERATOR') {
      dialogue.handler = 'HANDLER_OPERATOR'
      dialogue.tell('state', dialogue.state())
    }
    if (text) dialogue.append({ author: 'AUTHOR_OPERATOR', text })
  }

  handBack(visitor) {
    visitor.dialogue.handler = 'HANDLER_ASSISTANT'
    visitor.dialogue.tell('state', visitor.dialogue.state())
  }

  only() {
    const [visitor] = [...this.visitors.values()]
    return visitor
  }
}
