import { act, render, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DataTable, type DataTableProps } from './data-table'
import { comparator, type DataTableColumn } from './data-table-columns'

interface Person {
  id: string
  name: string
  spent: bigint
}

const people: Person[] = [
  { id: '1', name: 'Борис', spent: 9_007_199_254_740_993n },
  { id: '2', name: 'Ёлка', spent: 5n },
  { id: '3', name: 'Анна', spent: 9_007_199_254_740_992n },
]

const columns: DataTableColumn<Person>[] = [
  { id: 'name', header: 'Имя', cell: (row) => row.name, sortValue: (row) => row.name },
  {
    id: 'spent',
    header: 'Потрачено',
    cell: (row) => String(row.spent),
    sortValue: (row) => row.spent,
    kind: 'number',
  },
  { id: 'id', header: 'Номер', cell: (row) => row.id },
]

function Table(props: Partial<DataTableProps<Person>>) {
  return (
    <DataTable<Person>
      aria-label="Люди"
      columns={columns}
      rows={people}
      rowId={(row) => row.id}
      empty={<p>Никого</p>}
      {...props}
    />
  )
}

const many = Array.from({ length: 10_000 }, (_, n) => ({ id: String(n), name: `Имя ${n}`, spent: BigInt(n) }))
const bodyRows = () => screen.getAllByRole('row').filter((row) => row.hasAttribute('data-index'))
const names = () => bodyRows().map((row) => row.querySelector('td')?.textContent)

// jsdom lays nothing out; the virtual list asks for the size of its container.
beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(600)
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(900)
  vi.spyOn(HTMLElement.prototype, 'scrollHeight', 'get').mockReturnValue(520_044)
  HTMLElement.prototype.scrollTo = function scrollTo(this: HTMLElement, to?: ScrollToOptions | number) {
    const top = typeof to === 'object' ? (to.top ?? 0) : 0
    if (top === this.scrollTop) return
    this.scrollTop = top
    this.dispatchEvent(new Event('scroll'))
  }
})
afterEach(() => vi.restoreAllMocks())

describe('sorting', () => {
  it('goes by the rules of the language and tells the direction', async () => {
    render(<Table />)
    await userEvent.click(screen.getByRole('button', { name: 'Имя' }))
    expect(names()).toEqual(['Анна', 'Борис', 'Ёлка'])
    expect(screen.getByRole('columnheader', { name: 'Имя' })).toHaveAttribute('aria-sort', 'ascending')
    await userEvent.click(screen.getByRole('button', { name: 'Имя' }))
    expect(names()).toEqual(['Ёлка', 'Борис', 'Анна'])
    await userEvent.click(screen.getByRole('button', { name: 'Имя' }))
    expect(names()).toEqual(['Борис', 'Ёлка', 'Анна'])
    expect(screen.getByRole('columnheader', { name: 'Имя' })).toHaveAttribute('aria-sort', 'none')
  })

  it('sorts amounts exactly, the largest first', async () => {
    render(<Table />)
    await userEvent.click(screen.getByRole('button', { name: 'Потрачено' }))
    expect(names()).toEqual(['Борис', 'Анна', 'Ёлка'])
  })

  it('gives no button to a column that cannot be sorted', () => {
    render(<Table />)
    expect(screen.queryByRole('button', { name: 'Номер' })).not.toBeInTheDocument()
  })

  it('is the owner’s where controlled, and the server’s order stays', async () => {
    const onSortingChange = vi.fn()
    const served = columns.map((column) => ({ ...column, sortable: true }))
    render(
      <Table
        columns={served}
        sortMode="server"
        sorting={{ columnId: 'name', desc: true }}
        onSortingChange={onSortingChange}
      />,
    )
    expect(names()).toEqual(['Борис', 'Ёлка', 'Анна'])
    await userEvent.click(screen.getByRole('button', { name: 'Номер' }))
    expect(onSortingChange).toHaveBeenCalledWith({ columnId: 'id', desc: false })
    expect(screen.getByRole('columnheader', { name: 'Имя' })).toHaveAttribute('aria-sort', 'descending')
  })

  it('puts nothing before something', () => {
    const compare = comparator('ru')
    expect([3, null, 1].sort(compare)).toEqual([null, 1, 3])
    expect(['б10', 'б9'].sort(compare)).toEqual(['б9', 'б10'])
  })
})

describe('paging', () => {
  const paging = { hasMore: true, loading: false, moreLabel: 'Ещё' }

  it('asks for the next page once when its end is near', () => {
    const onMore = vi.fn()
    const { rerender } = render(<Table paging={{ ...paging, onMore }} />)
    rerender(<Table paging={{ ...paging, onMore }} />)
    expect(onMore).toHaveBeenCalledOnce()
  })

  it('asks again when the page has come', () => {
    const onMore = vi.fn()
    const { rerender } = render(<Table paging={{ ...paging, onMore }} />)
    rerender(<Table rows={many.slice(0, 5)} paging={{ ...paging, onMore }} />)
    expect(onMore).toHaveBeenCalledTimes(2)
  })

  it('leaves it to the button after a failure', async () => {
    const onMore = vi.fn()
    render(<Table paging={{ ...paging, error: 'Не загрузилось', onMore }} />)
    expect(onMore).not.toHaveBeenCalled()
    expect(screen.getByRole('alert')).toHaveTextContent('Не загрузилось')
    await userEvent.click(screen.getByRole('button', { name: 'Ещё' }))
    expect(onMore).toHaveBeenCalledOnce()
  })

  it('asks for nothing while far from the end', () => {
    const onMore = vi.fn()
    render(<Table rows={many} paging={{ ...paging, onMore }} />)
    expect(onMore).not.toHaveBeenCalled()
  })
})

describe('rows', () => {
  it('draws a screenful of ten thousand', () => {
    render(<Table rows={many} />)
    expect(bodyRows().length).toBeGreaterThan(10)
    expect(bodyRows().length).toBeLessThan(40)
    expect(screen.getByRole('table', { name: 'Люди' })).toHaveAttribute('aria-rowcount', '10001')
  })

  it('opens by press, Enter and Space, but not by a button inside', async () => {
    const onRowOpen = vi.fn()
    const withButton = [
      ...columns,
      { id: 'more', header: 'Действия', cell: () => <button type="button">…</button> },
    ]
    render(<Table columns={withButton} onRowOpen={onRowOpen} />)
    await userEvent.click(screen.getByText('Борис'))
    await userEvent.keyboard('{Enter} ')
    expect(onRowOpen.mock.calls.map(([row]) => row.name)).toEqual(['Борис', 'Борис', 'Борис'])
    await userEvent.click(within(bodyRows()[1]!).getByRole('button'))
    expect(onRowOpen).toHaveBeenCalledTimes(3)
  })

  it('moves focus by arrows, one row in the order of Tab', async () => {
    render(<Table onRowOpen={() => {}} />)
    act(() => bodyRows()[0]?.focus())
    await userEvent.keyboard('{ArrowDown}{ArrowDown}{ArrowDown}')
    expect(bodyRows()[2]).toHaveFocus()
    expect(bodyRows().map((row) => row.tabIndex)).toEqual([-1, -1, 0])
    await userEvent.keyboard('{Home}')
    expect(bodyRows()[0]).toHaveFocus()
  })

  it('reaches the last of ten thousand by End', async () => {
    render(<Table rows={many} onRowOpen={() => {}} />)
    act(() => bodyRows()[0]?.focus())
    await userEvent.keyboard('{End}')
    await vi.waitFor(() => expect(document.activeElement).toHaveAttribute('data-index', '9999'))
  })

  it('redraws cells when the columns change, such as with the language', () => {
    const { rerender } = render(<Table />)
    rerender(<Table columns={[{ id: 'name', header: 'Name', cell: (row) => `Mr ${row.name}` }]} />)
    expect(names()).toEqual(['Mr Борис', 'Mr Ёлка', 'Mr Анна'])
  })
})

describe('states', () => {
  it('keeps the header and says it is busy while loading', () => {
    render(<Table rows={undefined} />)
    expect(screen.getByRole('table')).toHaveAttribute('aria-busy', 'true')
    expect(screen.getByRole('columnheader', { name: /Имя/ })).toBeInTheDocument()
  })

  it('shows the empty and the error state in place of rows', () => {
    const { rerender } = render(<Table rows={[]} />)
    expect(screen.getByText('Никого')).toBeInTheDocument()
    rerender(<Table rows={[]} error={<p>Сломалось</p>} />)
    expect(screen.getByText('Сломалось')).toBeInTheDocument()
    expect(screen.queryByText('Никого')).not.toBeInTheDocument()
  })
})

describe('on a narrow screen', () => {
  const narrow = (px: number) =>
    vi.stubGlobal('matchMedia', (query: string) => ({
      matches: Number(/(\d+)rem/.exec(query)?.[1]) * 16 <= px,
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
    }))
  afterEach(() => vi.unstubAllGlobals())
  const some: readonly DataTableColumn<Person>[] = [
    { id: 'name', header: 'Имя', cell: (row) => row.name },
    { id: 'spent', header: 'Потрачено', cell: (row) => String(row.spent), hideBelow: 'sm' },
    { id: 'id', header: 'Номер', cell: (row) => row.id, hideBelow: 'lg' },
  ]

  it.each([
    [360, 1],
    [640, 2],
    [1024, 3],
  ])('at %i px stand %i columns, and what spans them spans no more', (px, count) => {
    narrow(px)
    render(<Table columns={some} rows={many} />)
    expect(screen.getAllByRole('columnheader')).toHaveLength(count)
    const gaps = document.querySelectorAll('[data-slot="data-table-gap"] td')
    expect(gaps.length).toBeGreaterThan(0)
    for (const gap of gaps) expect(gap).toHaveAttribute('colspan', String(count))
  })
})
