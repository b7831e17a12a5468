import type { Meta, StoryObj } from '@storybook/react-vite'
import { DayLine } from './day-line'

const meta = {
  title: 'Chat/DayLine',
  component: DayLine,
  args: { label: 'Сегодня', dateTime: '2026-11-02' },
} satisfies Meta<typeof DayLine>
export default meta

type Story = StoryObj<typeof meta>

export const Today: Story = {}

export const Earlier: Story = { args: { label: '12 октября 2025', dateTime: '2025-10-12' } }
