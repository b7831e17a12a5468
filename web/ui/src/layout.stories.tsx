import type { Meta, StoryObj } from '@storybook/react-vite'
import type { ComponentProps } from 'react'
import { words } from '../.storybook/say'
import { Badge } from './badge'
import { Button } from './button'
import { Card, CardContent, CardDescription, CardFooter, CardHeader, CardTitle } from './card'
import { Money } from './money'
import { PageHeader } from './page-header'
import { PixelPortrait } from './pixel-portrait'
import { Stat, StatGroup } from './stat'

export default { title: 'Layout/All' } satisfies Meta
type Story = StoryObj

/* Stands for the router's link. */
function RouterLink({ to, ...props }: ComponentProps<'a'> & { to: string }) {
  return (
    <a href={to} {...props}>
      {props.children}
    </a>
  )
}

export const PageTop: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <PageHeader
        breadcrumbs={{
          'aria-label': say('Вы здесь', 'You are here'),
          crumbs: [{ label: say('Нейросотрудники', 'AI assistants'), link: <RouterLink to="#assistants" /> }],
        }}
        lead={<PixelPortrait id="0192f0c1" size={44} />}
        title={say('Мария', 'Maria')}
        badge={<Badge tone="ok">{say('Работает', 'Works')}</Badge>}
        hint={say('Продажи и запись', 'Sales and booking')}
        actions={
          <>
            <Button>{say('Проверить', 'Test')}</Button>
            <Button variant="primary">{say('Опубликовать', 'Publish')}</Button>
          </>
        }
      />
    )
  },
}

export const Numbers: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <Card>
        <CardContent>
          <StatGroup>
            <Stat
              label={say('Баланс', 'Balance')}
              value={<Money microPix="12480000000" priceMicroRub="850000" />}
              note={say('хватит примерно на 12 дней', 'enough for about 12 days')}
            />
            <Stat
              tone="ai"
              label={say('Ответил ИИ', 'Answered by AI')}
              value="312"
              note={say('за неделю', 'in a week')}
            />
            <Stat
              tone="human"
              label={say('Ждут человека', 'Wait for a person')}
              value="3"
              note={say('самый долгий — 7 мин', 'the longest for 7 min')}
            />
            <Stat label={say('Сэкономлено', 'Saved')} value={say('26 ч', '26 h')} />
          </StatGroup>
        </CardContent>
      </Card>
    )
  },
}

export const CardWithAll: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <Card className="max-w-md">
        <CardHeader>
          <CardTitle>{say('Telegram', 'Telegram')}</CardTitle>
          <Badge tone="danger">{say('Ошибка', 'Error')}</Badge>
          <CardDescription>@salon_vera_bot</CardDescription>
        </CardHeader>
        <CardContent>
          {say(
            'Токен бота больше не подходит: выпустите новый у @BotFather.',
            'The bot token no longer works.',
          )}
        </CardContent>
        <CardFooter>
          <Button variant="primary">{say('Вставить новый токен', 'Put in a new token')}</Button>
        </CardFooter>
      </Card>
    )
  },
}
