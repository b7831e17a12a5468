import { render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { createRef } from 'react'
import { describe, expect, it, vi } from 'vitest'
import { Checkbox } from './checkbox'
import { Field } from './field'
import { Input } from './input'
import { RadioGroup } from './radio-group'
import { Select } from './select'
import { Switch } from './switch'
import { Textarea } from './textarea'

describe('Field', () => {
  it('names its control and describes it by hint and error', () => {
    render(
      <Field label="Почта" hint="Рабочая" error="Нет такого ящика">
        <Input />
      </Field>,
    )
    const input = screen.getByLabelText('Почта')
    expect(input).toBeInvalid()
    expect(input).toHaveAccessibleDescription('Рабочая Нет такого ящика')
  })

  it('leaves a good control alone', () => {
    render(
      <Field label="Почта">
        <Input />
      </Field>,
    )
    expect(screen.getByLabelText('Почта')).not.toHaveAttribute('aria-invalid', 'true')
    expect(screen.getByLabelText('Почта')).not.toHaveAttribute('aria-describedby')
  })

  it('drops the error from the description when it is mended', () => {
    const field = (error?: string) => (
      <Field label="Имя" hint="Как в паспорте" error={error}>
        <Textarea />
      </Field>
    )
    const { rerender } = render(field('Пусто'))
    rerender(field())
    expect(screen.getByLabelText('Имя')).toHaveAccessibleDescription('Как в паспорте')
    expect(screen.getByLabelText('Имя')).not.toHaveAttribute('aria-invalid', 'true')
  })

  it('passes what react-hook-form registers to the native element', async () => {
    const typed: string[] = []
    const register = (name: string) => ({
      name,
      ref: vi.fn(),
      // The shape of react-hook-form's own handlers.
      onChange: async (event: { target: EventTarget & { value: string } }) => {
        typed.push(`${name} ${event.target.value}`)
      },
      onBlur: vi.fn(async () => {}),
    })
    const email = register('email')
    const note = register('note')
    render(
      <>
        <Field label="Почта">
          <Input {...email} />
        </Field>
        <Field label="Заметка">
          <Textarea {...note} />
        </Field>
      </>,
    )
    const user = userEvent.setup()
    await user.type(screen.getByLabelText('Почта'), 'ab')
    await user.type(screen.getByLabelText('Заметка'), 'c')
    await user.tab()
    expect(email.ref).toHaveBeenCalledWith(screen.getByLabelText('Почта'))
    expect(note.ref).toHaveBeenCalledWith(screen.getByLabelText('Заметка'))
    expect(screen.getByLabelText('Почта')).toHaveAttribute('name', 'email')
    expect(screen.getByLabelText('Заметка')).toHaveAttribute('name', 'note')
    expect(typed).toEqual(['email a', 'email ab', 'note c'])
    expect(email.onBlur).toHaveBeenCalledOnce()
    expect(note.onBlur).toHaveBeenCalledOnce()
  })

  it('lets react-hook-form write into the control by its ref', () => {
    const ref = createRef<HTMLInputElement>()
    render(
      <Field label="Почта">
        <Input ref={ref} defaultValue="old" />
      </Field>,
    )
    if (ref.current) ref.current.value = 'new'
    expect(screen.getByLabelText('Почта')).toHaveValue('new')
  })

  it('names a select and a radio group too', () => {
    render(
      <>
        <Field label="Роль" labelAs="span" error="Выберите роль">
          <Select options={[{ value: 'owner', label: 'Владелец' }]} value={null} onValueChange={() => {}} />
        </Field>
        <Field label="Тон" labelAs="span">
          <RadioGroup options={[{ value: 'warm', label: 'Тёплый' }]} value="warm" onValueChange={() => {}} />
        </Field>
      </>,
    )
    expect(screen.getByRole('combobox', { name: 'Роль' })).toHaveAccessibleDescription('Выберите роль')
    expect(screen.getByRole('radiogroup', { name: 'Тон' })).toBeInTheDocument()
    expect(screen.getByRole('radio', { name: 'Тёплый' })).toBeChecked()
  })
})

describe('choices with their own words', () => {
  it('are named by the label and described by the hint', () => {
    render(
      <>
        <Checkbox label="Отвечать ночью" hint="С 22 до 8" />
        <Switch label="Живой ответ" hint="Только Telegram" />
      </>,
    )
    expect(screen.getByRole('checkbox', { name: 'Отвечать ночью' })).toHaveAccessibleDescription('С 22 до 8')
    expect(screen.getByRole('switch', { name: 'Живой ответ' })).toHaveAccessibleDescription('Только Telegram')
  })

  it('are switched by their words', async () => {
    const onCheckedChange = vi.fn()
    render(<Switch label="Живой ответ" onCheckedChange={onCheckedChange} />)
    await userEvent.click(screen.getByText('Живой ответ'))
    expect(onCheckedChange).toHaveBeenCalledOnce()
    expect(onCheckedChange).toHaveBeenCalledWith(true, expect.anything())
  })
})
