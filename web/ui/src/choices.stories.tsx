import type { Meta, StoryObj } from '@storybook/react-vite'
import { useState } from 'react'
import { expect } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { Checkbox } from './checkbox'
import { Field } from './field'
import { RadioGroup } from './radio-group'
import { Slider } from './slider'
import { Switch } from './switch'

export default { title: 'Forms/Choices' } satisfies Meta
type Story = StoryObj

export const Checkboxes: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex flex-col gap-3">
        <Checkbox label={say('Отвечать ночью', 'Answer at night')} defaultChecked />
        <Checkbox
          label={say('Звать человека по стоп-словам', 'Call a person at stop words')}
          hint={say('Список — во вкладке «Стоп-слова»', 'The list is in the tab “Stop words”')}
        />
        <Checkbox label={say('Все каналы', 'All channels')} indeterminate />
        <Checkbox label={say('Недоступно на вашем тарифе', 'Not in your plan')} disabled />
        <Checkbox aria-label={say('Выбрать строку', 'Choose the row')} />
      </div>
    )
  },
}

export const Switches: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex max-w-sm flex-col gap-3">
        <Switch
          label={say('Живой ответ', 'Live answer')}
          hint={say('Текст появляется по мере ответа', 'Text appears while the answer is written')}
          defaultChecked
        />
        <Switch label={say('Автовозврат', 'Auto-return')} />
        <Switch label={say('Голосовые', 'Voice messages')} disabled />
      </div>
    )
  },
  play: async ({ canvas, userEvent, globals }) => {
    const say = words(globals)
    const auto = canvas.getByRole('switch', { name: say('Автовозврат', 'Auto-return') })
    await userEvent.tab()
    await userEvent.tab()
    await expect(auto).toHaveFocus()
    await userEvent.keyboard(' ')
    await expect(auto).toBeChecked()
  },
}

function ToneChoice({ say }: { say: Say }) {
  const [tone, setTone] = useState<'short' | 'warm' | 'strict'>('short')
  return (
    <Field label={say('Тон', 'Tone')} labelAs="span">
      <RadioGroup
        value={tone}
        onValueChange={setTone}
        options={[
          { value: 'short', label: say('Кратко', 'Brief'), hint: say('Одна-две фразы', 'A phrase or two') },
          { value: 'warm', label: say('Тепло', 'Warm') },
          { value: 'strict', label: say('Официально', 'Formal'), disabled: true },
        ]}
      />
    </Field>
  )
}

export const Radios: Story = {
  render: (_args, { globals }) => <ToneChoice say={words(globals)} />,
  play: async ({ canvas, userEvent, globals }) => {
    const say = words(globals)
    await userEvent.tab()
    await userEvent.keyboard('{ArrowDown}')
    await expect(canvas.getByRole('radio', { name: say('Тепло', 'Warm') })).toBeChecked()
  },
}

function Creativity({ say }: { say: Say }) {
  const [value, setValue] = useState(3)
  const text = (at: number) =>
    at < 4 ? say('точно', 'exact') : at < 8 ? say('живо', 'lively') : say('свободно', 'free')
  return (
    <Field label={say('Креативность', 'Creativity')} labelAs="span" className="max-w-sm">
      <Slider value={value} onValueChange={setValue} min={0} max={10} valueText={text} />
    </Field>
  )
}

export const Scale: Story = {
  render: (_args, { globals }) => <Creativity say={words(globals)} />,
  play: async ({ canvas, userEvent, globals }) => {
    const say = words(globals)
    const slider = canvas.getByRole('slider', { name: say('Креативность', 'Creativity') })
    await userEvent.tab()
    await expect(slider).toHaveFocus()
    await userEvent.keyboard('{ArrowRight}')
    await expect(slider).toHaveAttribute('aria-valuetext', say('живо', 'lively'))
  },
}
