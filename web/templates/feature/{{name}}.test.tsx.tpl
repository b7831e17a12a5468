import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { openApp, withMockServer } from '@app/mock/test-app'
import { resetWorld } from '@app/mock/world'

withMockServer()

test('an empty list says what will be here', async () => {
  resetWorld({ signedIn: true, assistants: [] })
  openApp('/{{name}}')
  expect(await screen.findByRole('heading', { name: '{{title}}' })).toBeVisible()
  expect(await screen.findByText('Здесь пока пусто')).toBeVisible()
})
