import type { Meta, StoryObj } from '@storybook/react-vite'
import { useState } from 'react'
import { expect, screen, waitFor } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { Banner } from './banner'
import { Button } from './button'
import { Progress } from './progress'
import { Skeleton, SkeletonText } from './skeleton'
import { Spinner } from './spinner'
import { Empty, ErrorState, NoAccess } from './states'
import { createToaster, ToastRegion, type ToastOptions } from './toast'

export default { title: 'Feedback/All' } satisfies Meta
type Story = StoryObj

export const Banners: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    const dismiss = { label: say('Скрыть', 'Hide'), onDismiss: () => {} }
    return (
      <div className="flex flex-col gap-2">
        <Banner tone="offline">
          {say('Нет связи. Сообщения уйдут, когда она вернётся.', 'You are offline.')}
        </Banner>
        <Banner
          tone="warn"
          action={<Button size="sm">{say('Пополнить', 'Top up')}</Button>}
          dismiss={dismiss}
        >
          {say('Баланса хватит примерно на два дня.', 'The balance will last about two days.')}
        </Banner>
        <Banner tone="danger">
          {say('Telegram отклонил токен бота.', 'Telegram refused the bot token.')}
        </Banner>
        <Banner tone="human" action={<Button size="sm">{say('Выйти', 'Leave')}</Button>}>
          {say('Вы работаете от имени «Салон Вера».', 'You act for “Salon Vera”.')}
        </Banner>
        <Banner tone="info" dismiss={dismiss}>
          {say('Вышла новая версия. Обновите страницу.', 'There is a new version. Reload.')}
        </Banner>
      </div>
    )
  },
}

export const Loading: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex max-w-sm flex-col gap-6">
        <Spinner label={say('Загружаем', 'Loading')} />
        <SkeletonText />
        <Skeleton className="h-24 w-full" />
        <Progress
          label={say('Читаем файлы', 'Reading files')}
          value={3}
          max={8}
          valueText={say('3 из 8', '3 of 8')}
        />
        <Progress
          label={say('Проверяем канал', 'Checking the channel')}
          value={null}
          valueText={say('подождите', 'wait')}
        />
      </div>
    )
  },
}

function traceIn(say: Say) {
  return {
    id: '4bf92f3577b34da6a3ce929d0e0e4736',
    label: say('Номер для поддержки:', 'Number for support:'),
    copy: {
      copy: say('Скопировать', 'Copy'),
      copied: say('Скопировано', 'Copied'),
      failed: say('Не вышло', 'Failed'),
    },
  }
}

export const EmptyState: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <Empty
        title={say('Диалогов пока нет', 'No dialogues yet')}
        hint={say('Подключите канал, и первый вопрос появится здесь.', 'Connect a channel first.')}
        action={<Button variant="primary">{say('Подключить канал', 'Connect a channel')}</Button>}
      />
    )
  },
}

export const ErrorWithTrace: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <ErrorState
        title={say('Не получилось загрузить', 'Could not load')}
        hint={say(
          'Мы уже знаем. Попробуйте ещё раз через минуту.',
          'We know already. Try again in a minute.',
        )}
        retryLabel={say('Повторить', 'Try again')}
        onRetry={() => {}}
        trace={traceIn(say)}
      />
    )
  },
}

export const NoAccessState: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <NoAccess
        title={say('Этот раздел вам закрыт', 'This section is closed to you')}
        hint={say('Доступ даёт владелец: Анна Ковалёва.', 'The owner gives access: Anna Kovaleva.')}
      />
    )
  },
}

function Toasts({ say }: { say: Say }) {
  const [toaster] = useState(createToaster)
  const toasts: [string, ToastOptions][] = [
    [say('Хорошо', 'Good'), { tone: 'ok', title: say('Опубликовано', 'Published'), timeoutMs: 0 }],
    [
      say('Плохо', 'Bad'),
      {
        tone: 'danger',
        title: say('Не отправилось', 'Not sent'),
        description: say('Нет связи с Telegram.', 'No connection to Telegram.'),
        timeoutMs: 0,
      },
    ],
    [
      say('С действием', 'With an action'),
      {
        title: say('Диалог закрыт', 'Dialogue closed'),
        action: { label: say('Отменить', 'Undo'), onPress: () => {} },
        timeoutMs: 0,
      },
    ],
  ]
  return (
    <div className="flex min-h-96 items-start gap-2">
      {toasts.map(([label, options]) => (
        <Button key={label} onClick={() => toaster.show(options)}>
          {label}
        </Button>
      ))}
      <ToastRegion
        toaster={toaster}
        labels={{ region: say('Уведомления', 'Notifications'), close: say('Закрыть', 'Close') }}
      />
    </div>
  )
}

export const ToastsShown: Story = {
  render: (_args, { globals }) => <Toasts say={words(globals)} />,
  play: async ({ canvas, userEvent, globals }) => {
    const say = words(globals)
    for (const button of canvas.getAllByRole('button')) await userEvent.click(button)
    await waitFor(() => expect(screen.getByText(say('Не отправилось', 'Not sent'))).toBeVisible())
    await userEvent.keyboard('{F6}')
    await waitFor(() =>
      expect(screen.getByRole('region', { name: say('Уведомления', 'Notifications') })).toBeVisible(),
    )
  },
}
