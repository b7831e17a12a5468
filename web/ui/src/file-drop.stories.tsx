import type { Meta, StoryObj } from '@storybook/react-vite'
import { expect, fireEvent, fn, waitFor } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import type { FileReason } from './file-check'
import { FileDrop, type FileDropLabels } from './file-drop'

export default { title: 'Forms/FileDrop', component: FileDrop } satisfies Meta
type Story = StoryObj

const onFiles = fn()
const rules = { extensions: ['pdf', 'docx', 'txt'], maxBytes: 1024 * 1024, maxFiles: 3 }

function labelsIn(say: Say): FileDropLabels {
  const reasons: Record<FileReason, string> = {
    type: say(
      'такой вид файла нейросотрудник не читает: нужен PDF, DOCX или TXT',
      'only PDF, DOCX and TXT can be read',
    ),
    empty: say('файл пустой', 'the file is empty'),
    size: say('больше 1 МБ: разделите его на части', 'larger than 1 MB: split it'),
    count: say('можно не больше трёх файлов', 'three files at most'),
    duplicate: say('такой файл уже добавлен', 'this file is there already'),
  }
  return {
    title: say('Перетащите файлы сюда', 'Drop files here'),
    browse: say('Выбрать файлы', 'Choose files'),
    hint: say('PDF, DOCX или TXT, до 1 МБ, не больше трёх', 'PDF, DOCX or TXT, up to 1 MB, three at most'),
    dropHere: say('Отпустите, чтобы добавить', 'Let go to add'),
    rejected: say('Не добавили:', 'Not added:'),
    reason: ({ reason }) => reasons[reason],
    dismiss: say('Скрыть', 'Hide'),
  }
}

export const Ready: Story = {
  render: (_args, { globals }) => (
    <FileDrop rules={rules} onFiles={onFiles} labels={labelsIn(words(globals))} />
  ),
}

export const Disabled: Story = {
  render: (_args, { globals }) => (
    <FileDrop disabled rules={rules} onFiles={onFiles} labels={labelsIn(words(globals))} />
  ),
}

export const WithFilesOverIt: Story = {
  render: (_args, { globals }) => (
    <FileDrop rules={rules} onFiles={onFiles} labels={labelsIn(words(globals))} />
  ),
  play: async ({ canvasElement, globals, canvas }) => {
    const zone = canvasElement.querySelector('[data-slot="file-drop"] > div')
    if (!zone) throw new Error('no place to drop')
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File(['x'], 'a.pdf', { type: 'application/pdf' }))
    fireEvent.dragEnter(zone, { dataTransfer })
    await waitFor(() => expect(canvas.getByText(labelsIn(words(globals)).dropHere)).toBeVisible())
  },
}

export const Keyboard: Story = {
  render: (_args, { globals }) => (
    <FileDrop
      rules={rules}
      known={[{ name: 'faq.txt', size: 1 }]}
      onFiles={onFiles}
      labels={labelsIn(words(globals))}
    />
  ),
  play: async ({ canvas, canvasElement, userEvent, globals, step }) => {
    onFiles.mockClear()
    const labels = labelsIn(words(globals))
    const input = canvasElement.querySelector<HTMLInputElement>('input[type="file"]')
    if (!input) throw new Error('no input')
    await step('one Tab reaches the button, Enter opens the chooser', async () => {
      const opened = fn()
      const chooser = (event: Event) => {
        event.preventDefault()
        opened()
      }
      input.addEventListener('click', chooser, { once: true })
      await userEvent.tab()
      await expect(canvas.getByRole('button', { name: labels.browse })).toHaveFocus()
      await userEvent.keyboard('{Enter}')
      await waitFor(() => expect(opened).toHaveBeenCalledOnce())
    })
    await step('good files go on, the rest is explained', async () => {
      await userEvent.upload(input, [new File(['x'], 'price.pdf'), new File(['x'], 'faq.txt')])
      const alert = await canvas.findByRole('alert')
      await expect(alert).toHaveTextContent('faq.txt')
      await waitFor(() => expect(onFiles).toHaveBeenCalledOnce())
    })
    await step('the explanation can be put away by keys', async () => {
      canvas.getByRole('button', { name: labels.dismiss }).focus()
      await userEvent.keyboard('{Enter}')
      await expect(canvas.queryByRole('alert')).not.toBeInTheDocument()
    })
  },
}
