import { render, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { Bubble, SystemLine, type BubbleAuthor } from './bubble'
import type { Delivery, DeliveryLabels } from './delivery-state'
import { groupPosition } from './grouping'
import { HandOverLine } from './hand-over-line'
import { PlainText } from './plain-text'

const MARIA: BubbleAuthor = { kind: 'assistant', id: 'as-1', name: 'Мария', kindLabel: 'ИИ' }
const TIME = { label: '12:40', dateTime: '2026-11-02T12:40:00+03:00' }
const LABELS: DeliveryLabels = {
  queued: 'В очереди',
  sending: 'Отправляем',
  sent: 'Отправлено',
  failed: 'Не отправлено',
  cancelled: 'Отменено',
  resend: 'Повторить',
}

describe('Bubble', () => {
  it('is an article named by author and time, with the author in words', () => {
    render(
      <Bubble author={MARIA} time={TIME}>
        Здравствуйте
      </Bubble>,
    )
    const article = screen.getByRole('article', { name: 'Мария, ИИ, 12:40' })
    expect(article).toHaveTextContent('МарияИИЗдравствуйте12:40')
    expect(within(article).getByText('12:40')).toHaveAttribute('datetime', TIME.dateTime)
  })

  it('says who it is only once in a group, to the eye', () => {
    render(
      <Bubble author={MARIA} time={TIME} position="middle">
        Здравствуйте
      </Bubble>,
    )
    expect(screen.getByRole('article', { name: 'Мария, ИИ, 12:40' })).toHaveTextContent(/^Здравствуйте$/)
  })

  it.each<[Delivery, string]>([
    [{ state: 'queued' }, 'В очереди'],
    [{ state: 'sending' }, 'Отправляем'],
    [{ state: 'sent' }, 'Отправлено'],
    [{ state: 'cancelled' }, 'Отменено'],
    [{ state: 'failed', reason: 'нет связи' }, 'Не отправлено нет связи'],
  ])('says the state %j in words', (delivery, words) => {
    render(
      <Bubble author={MARIA} time={TIME} own delivery={{ delivery, labels: LABELS }}>
        Да
      </Bubble>,
    )
    const found = document.querySelector('[data-slot=delivery]')
    expect(found?.textContent?.replace('отправленонет', 'отправлено нет')).toBe(words)
    expect(screen.queryByRole('button')).not.toBeInTheDocument()
  })

  it('offers to send a failed message again, also in the middle of a group', async () => {
    const onResend = vi.fn()
    const delivery = { delivery: { state: 'failed', reason: 'нет связи' }, labels: LABELS, onResend } as const
    render(
      <Bubble author={MARIA} time={TIME} position="middle" delivery={delivery}>
        Да
      </Bubble>,
    )
    await userEvent.click(screen.getByRole('button', { name: 'Повторить' }))
    expect(onResend).toHaveBeenCalledOnce()
  })

  it('marks an answer that grows and one that was cut off', () => {
    const { rerender } = render(
      <Bubble author={MARIA} time={TIME} streaming>
        Да
      </Bubble>,
    )
    expect(screen.getByRole('article')).toHaveAttribute('aria-busy', 'true')
    rerender(
      <Bubble author={MARIA} time={TIME} interrupted="Ответ прерван">
        Да
      </Bubble>,
    )
    expect(screen.getByRole('article')).not.toHaveAttribute('aria-busy')
    expect(screen.getByText('Ответ прерван')).toBeInTheDocument()
  })

  it('W-3: shows names, reasons and words of people as text, hidden characters removed', () => {
    const author: BubbleAuthor = { kind: 'contact', id: 'c', name: '<b>Аня</b>\u202E', kindLabel: 'Клиент' }
    const delivery: Delivery = { state: 'failed', reason: '<i>нет\u2066</i>' }
    render(
      <Bubble author={author} time={TIME} delivery={{ delivery, labels: LABELS }}>
        <PlainText text={'<script>alert(1)</script> **да**\n[a](javascript:x)\u202E'} />
      </Bubble>,
    )
    const article = screen.getByRole('article', { name: '<b>Аня</b>, Клиент, 12:40' })
    expect(article.querySelector('b, i, script, a, strong')).toBeNull()
    expect(article.textContent).toContain('<script>alert(1)</script> **да**\n[a](javascript:x)')
    expect(article.textContent).not.toMatch(/[\u202E\u2066]/)
  })
})

describe('lines', () => {
  it('name the system and the hand-over in words', () => {
    render(
      <>
        <SystemLine author="Система" time={TIME}>
          Диалог закрыт
        </SystemLine>
        <HandOverLine to="human" label="Разговор взял оператор Анна" time={TIME} />
      </>,
    )
    expect(screen.getByRole('article', { name: 'Система, 12:40' })).toHaveTextContent('Диалог закрыт')
    expect(screen.getByText('Разговор взял оператор Анна')).toBeInTheDocument()
  })
})

describe('groupPosition', () => {
  const at = (minute: number, authorId = 'a') => ({ author: 'assistant', authorId, at: minute * 60_000 })

  it('joins messages of one author that follow each other closely', () => {
    expect(groupPosition(undefined, at(0), undefined)).toBe('single')
    expect(groupPosition(undefined, at(0), at(1))).toBe('first')
    expect(groupPosition(at(0), at(1), at(2))).toBe('middle')
    expect(groupPosition(at(0), at(1), at(2, 'b'))).toBe('last')
    expect(groupPosition(at(0), at(6), at(12))).toBe('single')
  })
})
