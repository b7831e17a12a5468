import type { Meta, StoryObj } from '@storybook/react-vite'
import { {{pascalCase name}} } from './{{name}}'

const meta = { component: {{pascalCase name}}, args: { children: 'Пример' } } satisfies Meta<typeof {{pascalCase name}}>

export default meta

export const Usual: StoryObj<typeof meta> = {}
