import { render, screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import { KitProvider } from './kit-provider'
import { Money } from './money'

it('shows roubles beside the pix and the exact amount in the title', () => {
  render(<Money microPix="12480512345" priceMicroRub="850000" />)
  const money = screen.getByTitle(/12.480,512345.pix/)
  expect(money).toHaveTextContent('12 480,51 pix')
  expect(money).toHaveTextContent('10 608,44 ₽')
})

it('shows pix alone while no price is known', () => {
  render(<Money microPix="1000000" priceMicroRub={null} />)
  expect(screen.getByText(/1.pix/)).toBeInTheDocument()
  expect(screen.queryByText(/₽/)).not.toBeInTheDocument()
})

it('speaks the language of the provider', () => {
  render(
    <KitProvider locale="en">
      <Money microPix="12480512345" priceMicroRub="850000" />
    </KitProvider>,
  )
  expect(screen.getByText(/12,480\.51.pix/)).toBeInTheDocument()
})
