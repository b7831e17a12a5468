import { act, render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, expect, it } from 'vitest'
import {
  CommandPalette,
  Dialog,
  DialogContent,
  DialogTitle,
  Hint,
  KitProvider,
  Select,
  ToastRegion,
  createToaster,
} from './index'

/* Our pages answer with `style-src 'self'`: a style element would be refused and its rules lost. */

const styles = () => document.querySelectorAll('style').length

afterEach(() => expect(styles()).toBe(0))

it('no style element comes with the import of the kit', () => {
  expect(styles()).toBe(0)
})

it('none comes with a list, a hint or a toast', async () => {
  const toaster = createToaster()
  render(
    <KitProvider locale="ru">
      <Select
        aria-label="Роль"
        options={[{ value: 'a', label: 'Первая' }]}
        value="a"
        onValueChange={() => {}}
      />
      <Hint label="Что это">Пояснение</Hint>
      <ToastRegion toaster={toaster} labels={{ region: 'Уведомления', close: 'Закрыть' }} />
    </KitProvider>,
  )
  act(() => void toaster.show({ title: 'Готово' }))
  expect(await screen.findByText('Готово')).toBeInTheDocument()
  await userEvent.click(screen.getByRole('combobox', { name: 'Роль' }))
  expect(await screen.findByRole('option', { name: 'Первая' })).toBeInTheDocument()
})

it('none comes with a dialog or the command palette', async () => {
  const labels = { title: 'Команды', placeholder: '', empty: '', list: 'Список', close: 'Закрыть' }
  const { rerender } = render(
    <KitProvider locale="ru">
      <Dialog open>
        <DialogContent closeLabel="Закрыть">
          <DialogTitle>Окно</DialogTitle>
        </DialogContent>
      </Dialog>
    </KitProvider>,
  )
  expect(await screen.findByRole('dialog', { name: 'Окно' })).toBeInTheDocument()
  rerender(
    <KitProvider locale="ru">
      <CommandPalette open onOpenChange={() => {}} groups={[]} labels={labels} />
    </KitProvider>,
  )
  expect(await screen.findByRole('dialog', { name: 'Команды' })).toBeInTheDocument()
})
