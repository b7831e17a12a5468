import type { Meta, StoryObj } from '@storybook/react-vite'
import { useState } from 'react'
import { expect } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { Tab, TabList, tabLook, TabPanel, tabRowLook, Tabs } from './tabs'

export default { title: 'Navigation/Tabs', component: Tabs } satisfies Meta
type Story = StoryObj

function Demo({ say }: { say: Say }) {
  const [tab, setTab] = useState<'model' | 'delay' | 'stop'>('model')
  return (
    <Tabs value={tab} onValueChange={setTab}>
      <TabList aria-label={say('Настройки ответа', 'Answer settings')}>
        <Tab value="model">{say('Модель', 'Model')}</Tab>
        <Tab value="delay">{say('Задержка', 'Delay')}</Tab>
        <Tab value="stop">{say('Стоп-слова', 'Stop words')}</Tab>
        <Tab value="voice" disabled>
          {say('Голос', 'Voice')}
        </Tab>
      </TabList>
      <TabPanel value="model">{say('Какая модель отвечает.', 'Which model answers.')}</TabPanel>
      <TabPanel value="delay">
        {say('Сколько ждать следующей строки.', 'How long to wait for the next line.')}
      </TabPanel>
      <TabPanel value="stop">
        {say('На каких словах звать человека.', 'At which words to call a person.')}
      </TabPanel>
    </Tabs>
  )
}

export const Keyboard: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} />,
  play: async ({ canvas, userEvent, globals }) => {
    const say = words(globals)
    const tab = (name: string) => canvas.getByRole('tab', { name })
    await userEvent.tab()
    await expect(tab(say('Модель', 'Model'))).toHaveFocus()
    await userEvent.keyboard('{ArrowRight}')
    await expect(tab(say('Задержка', 'Delay'))).toHaveFocus()
    await expect(tab(say('Задержка', 'Delay'))).toHaveAttribute('aria-selected', 'true')
    await expect(canvas.getByRole('tabpanel')).toHaveTextContent(say('Сколько ждать', 'How long'))
    await userEvent.keyboard('{Home}')
    await expect(tab(say('Модель', 'Model'))).toHaveAttribute('aria-selected', 'true')
  },
}

export const LinksThatLookLikeTabs: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <nav aria-label={say('Разделы нейросотрудника', 'Sections of the assistant')} className={tabRowLook}>
        <a href="#instruction" className={tabLook} aria-current="page">
          {say('Инструкция', 'Instruction')}
        </a>
        <a href="#knowledge" className={tabLook}>
          {say('Знания', 'Knowledge')}
        </a>
        <a href="#channels" className={tabLook}>
          {say('Каналы', 'Channels')}
        </a>
      </nav>
    )
  },
}
