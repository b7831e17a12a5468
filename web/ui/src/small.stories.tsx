import type { Meta, StoryObj } from '@storybook/react-vite'
import { Bot, Headset } from 'lucide-react'
import { useState } from 'react'
import { expect, waitFor } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { Badge } from './badge'
import { Sign, Wordmark } from './brand'
import { CopyField } from './copy-field'
import { Kbd } from './kbd'
import { Money } from './money'
import { PixelPortrait } from './pixel-portrait'
import { Segmented } from './segmented'
import { Time } from './time'

export default { title: 'Data/Small' } satisfies Meta
type Story = StoryObj

export const Badges: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex flex-wrap gap-2">
        <Badge>{say('Черновик', 'Draft')}</Badge>
        <Badge tone="ai" icon={<Bot aria-hidden />}>
          {say('Отвечает ИИ', 'AI answers')}
        </Badge>
        <Badge tone="human" icon={<Headset aria-hidden />}>
          {say('Отвечает человек', 'A person answers')}
        </Badge>
        <Badge tone="ok">{say('Работает', 'Works')}</Badge>
        <Badge tone="warn">{say('На паузе', 'Paused')}</Badge>
        <Badge tone="danger">{say('Ошибка', 'Error')}</Badge>
      </div>
    )
  },
}

export const Brand: Story = {
  render: () => (
    <div className="flex items-center gap-6">
      <Wordmark />
      <Sign size={70} />
    </div>
  ),
}

export const Portraits: Story = {
  render: (_args, { globals }) => (
    <div className="flex max-w-md flex-wrap gap-2">
      {Array.from({ length: 24 }, (_, n) => (
        <PixelPortrait key={n} id={`assistant-${n}`} />
      ))}
      <PixelPortrait
        id="person"
        tone="human"
        size={44}
        label={words(globals)('Анна Ковалёва', 'Anna Kovaleva')}
      />
    </div>
  ),
}

export const Amounts: Story = {
  render: () => (
    <div className="flex flex-col items-start gap-2">
      <Money microPix="12480500000" priceMicroRub="850000" />
      <Money microPix="4213" priceMicroRub="850000" />
      <Money microPix="-3250000" priceMicroRub="850000" signed />
      <Money microPix="9223372036854775807" priceMicroRub={null} />
      <table className="text-sm">
        <tbody>
          {['1110000', '12480500000', '990000000', '8888888000000'].map((amount) => (
            <tr key={amount}>
              <td className="tnum text-right">
                <Money fixed microPix={amount} priceMicroRub={null} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  ),
}

const now = Date.parse('2026-11-30T12:00:00Z')

export const Moments: Story = {
  render: () => (
    <div className="flex flex-col items-start gap-2">
      {['2026-11-30T11:59:50Z', '2026-11-30T11:39:00Z', '2026-11-29T10:00:00Z', '2025-03-05T14:30:00Z'].map(
        (value) => (
          <Time key={value} value={value} now={now} timeZone="Europe/Moscow" />
        ),
      )}
      <Time value="2026-11-30T11:39:00Z" show="clock" timeZone="Europe/Moscow" />
      <Time value="2026-11-30T11:39:00Z" show="full" timeZone="Europe/Moscow" />
    </div>
  ),
}

export const Keys: Story = { render: () => <Kbd keys={['⌘', 'K']} /> }

function Filter({ say }: { say: Say }) {
  const [value, setValue] = useState<'all' | 'mine' | 'waiting'>('all')
  return (
    <Segmented
      aria-label={say('Какие диалоги', 'Which dialogues')}
      value={value}
      onValueChange={setValue}
      segments={[
        { value: 'all', label: say('Все', 'All'), count: 128 },
        { value: 'mine', label: say('Мои', 'Mine'), count: 4 },
        { value: 'waiting', label: say('Ждут человека', 'Wait for a person'), count: 3 },
      ]}
    />
  )
}

export const SegmentedFilter: Story = {
  render: (_args, { globals }) => <Filter say={words(globals)} />,
  play: async ({ canvas, userEvent, globals }) => {
    const mine = canvas.getByRole('button', { name: words(globals)(/Мои/, /Mine/) })
    await userEvent.tab()
    await userEvent.keyboard('{ArrowRight}{Enter}')
    await expect(mine).toHaveAttribute('aria-pressed', 'true')
    await userEvent.keyboard('{Enter}')
    await expect(mine).toHaveAttribute('aria-pressed', 'true')
  },
}

export const CopyAway: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <CopyField
        className="max-w-md"
        label={say('Ключ API', 'API key')}
        value="npx_live_3f9c…-example"
        hint={say('Покажем один раз', 'Shown once')}
        labels={{
          copy: say('Скопировать', 'Copy'),
          copied: say('Скопировано', 'Copied'),
          failed: say('Скопируйте сами', 'Copy by hand'),
        }}
      />
    )
  },
  play: async ({ canvas, userEvent, globals }) => {
    const say = words(globals)
    const button = canvas.getByRole('button')
    const width = button.offsetWidth
    await userEvent.click(button)
    // Headless Chromium may refuse the clipboard: either way the person is told.
    await waitFor(() =>
      expect(canvas.getByRole('status')).toHaveTextContent(say(/Скопир/, /Copied|Copy by hand/)),
    )
    await expect(button.offsetWidth).toBe(width)
  },
}
