import type { Translation } from '@app/shared/translation'
import type { ru } from './texts.ru'

export const en: Translation<typeof ru> = {
  skip: 'Skip to content',
  navigation: 'Sections',
  more: 'More',
  nav: {
    overview: 'Overview',
    assistants: 'AI assistants',
    assistantsShort: 'Assistants',
    chats: 'Dialogues',
    wallet: 'Balance',
    keys: 'API keys',
  },
  waiting_one: '{{count}} dialogue waits for a person',
  waiting_other: '{{count}} dialogues wait for a person',
  account: 'Account',
  balance: 'Balance',
  theme: 'Theme',
  themes: { light: 'Light', dark: 'Dark', system: 'As in the system' },
  language: 'Language',
  help: 'Keys and help',
  signOut: 'Sign out',
<<<<<<< HEAD
  search: 'Find or do',
=======
  search: 'Find',
>>>>>>> wip-app
  offline:
    'No internet connection. You see what is loaded already; your messages leave by themselves once it is back.',
  reconnecting: 'The connection to the server broke. We are restoring it; nothing gets lost.',
  outdated: 'This page is out of date and hears no news any more.',
  reload: 'Reload',
  palette: {
    title: 'Find or do',
    placeholder: 'A section, an assistant or an action',
    empty: 'Nothing found. Try another word.',
    list: 'Commands',
    close: 'Close search',
    go: 'Go to',
    do: 'Do',
    assistants: 'AI assistants',
    looks: 'Looks',
    create: 'Create an AI assistant',
    topics: {
      overview: 'home start summary',
      assistants: 'bots team staff',
      chats: 'conversations customers messages inbox',
      wallet: 'money pix statement spending',
      keys: 'tokens integration developer',
    },
  },
  helpWindow: {
    title: 'Keys',
    hint: 'Everything works without a mouse: Tab walks the screen, Enter presses.',
    everywhere: 'Everywhere',
    palette: 'Find a section or an action',
    help: 'Open this window',
    escape: 'Close a window or menu',
  },
}
