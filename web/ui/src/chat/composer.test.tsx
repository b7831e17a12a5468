import { fireEvent, render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { useState } from 'react'
import { describe, expect, it, vi } from 'vitest'
import { Composer, type ComposerProps } from './composer'
import { Typing } from './typing'

const LABELS: ComposerProps['labels'] = {
  input: 'Сообщение',
  placeholder: 'Напишите сообщение',
  send: 'Отправить',
  remaining: (count) => `Осталось знаков: ${count}`,
  tooLong: 'Сообщение слишком длинное',
}

function Draft({ onSend, initial = '', ...rest }: Partial<ComposerProps> & { readonly initial?: string }) {
  const [value, setValue] = useState(initial)
  const send = (text: string) => {
    onSend?.(text)
    setValue('')
  }
  return <Composer {...rest} value={value} onChange={setValue} onSend={send} labels={LABELS} />
}

const field = () => screen.getByRole('textbox', { name: 'Сообщение' })

describe('Composer', () => {
  it('sends by Enter, breaks the line by Shift+Enter, keeps the focus', async () => {
    const onSend = vi.fn()
    render(<Draft onSend={onSend} />)
    await userEvent.type(field(), 'раз{Shift>}{Enter}{/Shift}два{Enter}')
    expect(onSend).toHaveBeenCalledExactlyOnceWith('раз\nдва')
    expect(field()).toHaveValue('')
    expect(field()).toHaveFocus()
  })

  it('keeps the focus in the field when sent by the button', async () => {
    const onSend = vi.fn()
    render(<Draft onSend={onSend} initial=" да " />)
    await userEvent.click(screen.getByRole('button', { name: 'Отправить' }))
    expect(onSend).toHaveBeenCalledExactlyOnceWith('да')
    expect(field()).toHaveFocus()
  })

  it('leaves the Enter of an input method to the input method', () => {
    const onSend = vi.fn()
    render(<Draft onSend={onSend} initial="にほ" />)
    fireEvent.keyDown(field(), { key: 'Enter', isComposing: true })
    fireEvent.keyDown(field(), { key: 'Enter', keyCode: 229 })
    expect(onSend).not.toHaveBeenCalled()
    fireEvent.keyDown(field(), { key: 'Enter' })
    expect(onSend).toHaveBeenCalledOnce()
  })

  it('does not send emptiness', async () => {
    const onSend = vi.fn()
    render(<Draft onSend={onSend} initial={' \n '} />)
    await userEvent.type(field(), '{Enter}')
    expect(onSend).not.toHaveBeenCalled()
    expect(screen.getByRole('button', { name: 'Отправить' })).toBeDisabled()
  })

  it('counts near the limit, in characters and not in halves of them, and stops beyond it', async () => {
    const onSend = vi.fn()
    render(<Draft onSend={onSend} initial="👍👍" maxLength={300} />)
    expect(screen.queryByText(/Осталось/)).not.toBeInTheDocument()
    fireEvent.change(field(), { target: { value: '👍'.repeat(298) } })
    expect(field()).toHaveAccessibleDescription('Осталось знаков: 2')
    expect(screen.getByRole('alert')).toBeEmptyDOMElement()
    fireEvent.change(field(), { target: { value: '👍'.repeat(301) } })
    expect(field()).toBeInvalid()
    expect(screen.getByRole('alert')).toHaveTextContent('Сообщение слишком длинное')
    await userEvent.type(field(), '{Enter}')
    expect(onSend).not.toHaveBeenCalled()
  })

  it('says why nothing can be written', async () => {
    const onSend = vi.fn()
    render(<Draft onSend={onSend} initial="да" disabledReason="Разговор ведёт Анна" />)
    expect(field()).toHaveAccessibleDescription('Разговор ведёт Анна')
    await userEvent.type(field(), 'нет{Enter}')
    expect(field()).toHaveValue('да')
    expect(onSend).not.toHaveBeenCalled()
  })
})

describe('Typing', () => {
  it('has a name, by words or by itself', () => {
    const { rerender } = render(<Typing label="Мария печатает" />)
    expect(screen.getByRole('img', { name: 'Мария печатает' })).toBeInTheDocument()
    rerender(<Typing label="Мария печатает" showLabel />)
    expect(screen.getByText('Мария печатает')).toBeVisible()
    expect(screen.queryByRole('img')).not.toBeInTheDocument()
  })

  it('stands still when motion is not wanted', () => {
    const { container } = render(<Typing label="Мария печатает" />)
    const dots = container.querySelectorAll('.animate-pulse')
    expect(dots).toHaveLength(3)
    for (const dot of dots) expect(dot).toHaveClass('motion-reduce:animate-none')
  })
})
