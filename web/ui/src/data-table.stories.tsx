import type { Meta, StoryObj } from '@storybook/react-vite'
import { useMemo, useState } from 'react'
import { expect, fn, waitFor } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { Badge } from './badge'
import { Button } from './button'
import { DataTable, type DataTableProps } from './data-table'
import type { DataTableColumn } from './data-table-columns'
import { Money } from './money'
import { PixelPortrait } from './pixel-portrait'
import { Empty, ErrorState, NoAccess } from './states'

export default { title: 'Data/DataTable', component: DataTable } satisfies Meta
type Story = StoryObj

const onRowOpen = fn()

interface Row {
  id: string
  name: string
  status: 'on' | 'paused' | 'draft'
  dialogues: number
  spentMicroPix: bigint
}

const people = ['Мария', 'Борис', 'Вера', 'Глеб', 'Дина', 'Егор', 'Жанна', 'Ёлка']
const states = ['on', 'paused', 'draft'] as const

function makeRows(count: number): Row[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `assistant-${n}`,
    name: `${people[n % people.length]} ${n + 1}`,
    status: states[n % states.length] ?? 'on',
    dialogues: (n * 37) % 1009,
    spentMicroPix: BigInt((n * 7919) % 5_000) * 1_234_567n,
  }))
}

function columnsIn(say: Say): DataTableColumn<Row>[] {
  return [
    {
      id: 'name',
      header: say('Имя', 'Name'),
      sortValue: (row) => row.name,
      width: '40%',
      cell: (row) => (
        <span className="flex items-center gap-3">
          <PixelPortrait id={row.id} size={30} />
          <span className="truncate font-medium">{row.name}</span>
        </span>
      ),
    },
    {
      id: 'status',
      header: say('Статус', 'Status'),
      cell: (row) => <Status say={say} status={row.status} />,
      width: '8rem',
    },
    {
      id: 'dialogues',
      header: say('Диалоги', 'Dialogues'),
      kind: 'number',
      hideBelow: 'md',
      sortValue: (row) => row.dialogues,
      cell: (row) => row.dialogues,
    },
    {
      id: 'spent',
      header: say('Потрачено', 'Spent'),
      kind: 'number',
      hideBelow: 'sm',
      sortValue: (row) => row.spentMicroPix,
      cell: (row) => (
        <Money
          fixed
          layout="stacked"
          className="items-end"
          microPix={String(row.spentMicroPix)}
          priceMicroRub="850000"
        />
      ),
    },
  ]
}

function Status({ say, status }: { say: Say; status: Row['status'] }) {
  if (status === 'on') return <Badge tone="ok">{say('Работает', 'Works')}</Badge>
  if (status === 'paused') return <Badge tone="warn">{say('На паузе', 'Paused')}</Badge>
  return <Badge>{say('Черновик', 'Draft')}</Badge>
}

function Demo({ say, ...props }: { say: Say } & Partial<DataTableProps<Row>>) {
  const columns = useMemo(() => columnsIn(say), [say])
  const [few] = useState(() => makeRows(6))
  return (
    <div className="flex h-[32rem] flex-col">
      <DataTable<Row>
        aria-label={say('Нейросотрудники', 'AI assistants')}
        columns={columns}
        rows={few}
        rowId={(row) => row.id}
        rowHeight={56}
        empty={
          <Empty
            title={say('Пока никого', 'Nobody yet')}
            hint={say(
              'Создайте первого нейросотрудника: это минут пять.',
              'Make the first one: five minutes.',
            )}
            action={<Button variant="primary">{say('Создать', 'Create')}</Button>}
          />
        }
        {...props}
      />
    </div>
  )
}

export const Few: Story = { render: (_args, { globals }) => <Demo say={words(globals)} /> }

const tenThousand = makeRows(10_000)

export const TenThousand: Story = {
  render: (_args, { globals }) => (
    <Demo say={words(globals)} rows={tenThousand} onRowOpen={() => {}} selectedId="assistant-2" />
  ),
}

export const Loading: Story = {
  render: (_args, { globals }) => <LoadingDemo say={words(globals)} />,
}

function LoadingDemo({ say }: { say: Say }) {
  const columns = useMemo(() => columnsIn(say), [say])
  return (
    <div className="h-[32rem]">
      <DataTable<Row>
        aria-label={say('Нейросотрудники', 'AI assistants')}
        columns={columns}
        rows={undefined}
        rowId={(row) => row.id}
        empty={null}
      />
    </div>
  )
}

export const NothingHere: Story = { render: (_args, { globals }) => <Demo say={words(globals)} rows={[]} /> }

export const Failed: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <Demo
        say={say}
        error={
          <ErrorState
            title={say('Список не загрузился', 'The list did not load')}
            hint={say('Проверьте связь и попробуйте ещё раз.', 'Check the connection and try again.')}
            retryLabel={say('Повторить', 'Try again')}
            onRetry={() => {}}
          />
        }
      />
    )
  },
}

export const Forbidden: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <Demo
        say={say}
        error={
          <NoAccess
            title={say('Нет доступа', 'No access')}
            hint={say('Попросите владельца дать роль «Менеджер».', 'Ask the owner for the role “Manager”.')}
          />
        }
      />
    )
  },
}

function Paged({ say, failing = false }: { say: Say; failing?: boolean }) {
  const [count, setCount] = useState(20)
  const [loading, setLoading] = useState(false)
  const more = () => {
    setLoading(true)
    setTimeout(() => {
      setLoading(false)
      setCount((now) => now + 20)
    }, 300)
  }
  return (
    <Demo
      say={say}
      rows={useMemo(() => makeRows(count), [count])}
      paging={{
        hasMore: count < 60,
        loading,
        error: failing ? say('Не загрузилось', 'Did not load') : undefined,
        moreLabel: say('Показать ещё', 'Show more'),
        onMore: more,
      }}
    />
  )
}

export const PagesFromTheServer: Story = { render: (_args, { globals }) => <Paged say={words(globals)} /> }

export const PageFailed: Story = {
  render: (_args, { globals }) => <Paged say={words(globals)} failing />,
  play: async ({ canvasElement }) => {
    const scroller = canvasElement.querySelector('[data-slot="data-table-scroller"]')
    scroller?.scrollTo({ top: scroller.scrollHeight })
  },
}

export const Keyboard: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} rows={tenThousand} onRowOpen={onRowOpen} />,
  play: async ({ canvas, canvasElement, userEvent, globals, step }) => {
    onRowOpen.mockClear()
    const say = words(globals)
    const focused = () => document.activeElement?.getAttribute('data-index')
    await step('sorts by the keys', async () => {
      await userEvent.tab()
      await expect(canvas.getByRole('button', { name: say('Имя', 'Name') })).toHaveFocus()
      await userEvent.keyboard('{Enter}')
      await expect(canvas.getByRole('columnheader', { name: say('Имя', 'Name') })).toHaveAttribute(
        'aria-sort',
        'ascending',
      )
    })
    await step('one Tab reaches the rows, arrows walk them', async () => {
      canvasElement.querySelector<HTMLElement>('[data-index="0"]')?.focus()
      await userEvent.keyboard('{ArrowDown}{ArrowDown}{ArrowUp}')
      await waitFor(() => expect(focused()).toBe('1'))
    })
    await step('End reaches the last of ten thousand, Home the first', async () => {
      await userEvent.keyboard('{End}')
      await waitFor(() => expect(focused()).toBe('9999'))
      await userEvent.keyboard('{Home}')
      await waitFor(() => expect(focused()).toBe('0'))
    })
    await step('Enter opens', async () => {
      await userEvent.keyboard('{Enter}')
      await expect(onRowOpen).toHaveBeenCalledOnce()
    })
  },
}
