import type { Meta, StoryObj } from '@storybook/react-vite'
import { useState } from 'react'
import { words, type Say } from '../.storybook/say'
import { Field } from './field'
import { Input } from './input'
import { Select } from './select'
import { Textarea } from './textarea'

export default { title: 'Forms/Field', component: Field } satisfies Meta
type Story = StoryObj

export const States: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex max-w-md flex-col gap-5">
        <Field label={say('Имя', 'Name')} aside={say('видят клиенты', 'customers see it')}>
          <Input defaultValue={say('Мария', 'Maria')} />
        </Field>
        <Field
          label={say('Почта', 'E-mail')}
          hint={say('На неё придёт код для входа', 'The code to sign in will come to it')}
        >
          <Input type="email" placeholder="anna@example.ru" />
        </Field>
        <Field
          label={say('Почта', 'E-mail')}
          hint={say('На неё придёт код для входа', 'The code to sign in will come to it')}
          error={say('Нет знака @: проверьте адрес', 'There is no @ in it: check the address')}
        >
          <Input type="email" defaultValue="anna.example.ru" />
        </Field>
        <Field label={say('Часовой пояс', 'Time zone')} disabled>
          <Input defaultValue="Europe/Moscow" />
        </Field>
      </div>
    )
  },
}

export const GrowingTextarea: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="max-w-md">
        <Field
          label={say('Инструкция', 'Instruction')}
          aside="48 / 20 000"
          hint={say('Кто он, как отвечает, чего не делает', 'Who it is, how it answers, what it does not do')}
        >
          <Textarea
            minRows={3}
            maxRows={8}
            defaultValue={say(
              'Ты — администратор салона.\nОтвечай коротко и на «вы».\nЦены бери только из прайса.\nЕсли не знаешь — позови человека.',
              'You are the desk of a salon.\nAnswer briefly and politely.\nTake prices from the list only.\nIf you do not know, call a person.',
            )}
          />
        </Field>
      </div>
    )
  },
}

function RoleField({ say }: { say: Say }) {
  const [role, setRole] = useState<'owner' | 'operator' | null>(null)
  return (
    <Field
      label={say('Роль', 'Role')}
      labelAs="span"
      error={role ? undefined : say('Выберите роль', 'Choose a role')}
      className="max-w-xs"
    >
      <Select
        placeholder={say('Не выбрана', 'Not chosen')}
        value={role}
        onValueChange={setRole}
        options={[
          { value: 'owner', label: say('Владелец', 'Owner') },
          { value: 'operator', label: say('Оператор', 'Operator') },
        ]}
      />
    </Field>
  )
}

export const WithSelect: Story = {
  render: (_args, { globals }) => <RoleField say={words(globals)} />,
}
