import { screen, waitFor } from '@testing-library/react'
import i18next from 'i18next'
import { expect, test } from 'vitest'
import { openApp, withMockServer } from '@app/mock/test-app'
import { ru as rest } from './texts-rest.ru'
import { loadWords, speak } from './i18n'

withMockServer()

function forget(language: string) {
  for (const feature of Object.keys(rest)) i18next.removeResourceBundle(language, feature)
}

test('a screen beyond the first ones waits for its words; the overview does without', async () => {
  forget('ru')
  const router = openApp('/')
  await screen.findByRole('heading', { name: /Здравствуйте/ })
  expect(i18next.hasResourceBundle('ru', 'wallet')).toBe(false)

  void router.navigate({ to: '/wallet' })
  await screen.findByRole('heading', { name: 'Баланс' })
})

test('another language brings all words again, also one that was spoken before', async () => {
  await loadWords()
  await speak('en')
  expect(i18next.t('wallet:title')).toBe('Balance')
  forget('ru')
  await speak('ru')
  await waitFor(() => expect(i18next.t('wallet:title')).toBe('Баланс'))
})
