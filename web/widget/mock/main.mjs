/* `npm run mock -w @neipix/widget`: the widget's host on 8090 and the demo shop on 8091, without the product. */
import { startShop } from '../demo/shop.mjs'
import { startMock } from './server.mjs'

const config = {
  key: 'wk_demo',
  origins: ['http://shop.localhost:8091'],
  locale: '',
  title: 'Чайная лавка',
  greeting: 'Здравствуйте! Помогу с выбором чая и доставкой.',
  accent: '',
  side: 'right',
  scheme: '',
  requireIdentity: false,
}
const mock = await startMock({ port: 8090, config })
const shop = await startShop({ port: 8091, widget: mock.origin, key: config.key })
console.log(`${shop.origin} embeds ${mock.origin}`)
