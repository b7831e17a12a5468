import type { Decorator, Preview } from '@storybook/react-vite'
import { useLayoutEffect, type ReactNode } from 'react'
import { KitProvider } from '../src/kit-provider'
import '../src/tokens.css'

function Surroundings({ globals, children }: { globals: Record<string, unknown>; children: ReactNode }) {
  const theme = globals['theme'] === 'dark' ? 'dark' : 'light'
  const locale = globals['locale'] === 'en' ? 'en' : 'ru'
  useLayoutEffect(() => {
    document.documentElement.dataset['theme'] = theme
    document.documentElement.lang = locale
  }, [theme, locale])
  return <KitProvider locale={locale}>{children}</KitProvider>
}

const inThemeAndLanguage: Decorator = (Story, { globals }) => (
  <Surroundings globals={globals}>
    <Story />
  </Surroundings>
)

const preview: Preview = {
  decorators: [inThemeAndLanguage],
  initialGlobals: { theme: 'light', locale: 'ru' },
  globalTypes: {
    theme: {
      description: 'Theme',
      toolbar: {
        icon: 'contrast',
        dynamicTitle: true,
        items: [
          { value: 'light', title: 'Light' },
          { value: 'dark', title: 'Dark' },
        ],
      },
    },
    locale: {
      description: 'Language of the sample words',
      toolbar: {
        icon: 'globe',
        dynamicTitle: true,
        items: [
          { value: 'ru', title: 'Русский' },
          { value: 'en', title: 'English' },
        ],
      },
    },
  },
  parameters: {
    a11y: { test: 'error' },
    backgrounds: { disable: true },
    controls: { expanded: true },
  },
}

export default preview
