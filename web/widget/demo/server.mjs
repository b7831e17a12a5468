/*
 * The demo shop on an origin of its own: WIDGET=http://widget.localhost:8080 KEY=wk_… PORT=8091 node demo/server.mjs
 * With IDENTITY_SECRET and IDENTITY_KID it signs who its visitor is, as a site's server does.
 */
import { startShop } from './shop.mjs'

const {
  WIDGET = 'http://widget.localhost:8080',
  KEY,
  PORT = '8091',
  IDENTITY_SECRET,
  IDENTITY_KID,
} = process.env
if (!KEY) {
  console.error('KEY is missing: give the public key of the widget, wk_…')
  process.exit(2)
}
const shop = await startShop({
  port: Number(PORT),
  widget: WIDGET,
  key: KEY,
  identity: IDENTITY_SECRET ? { secret: IDENTITY_SECRET, kid: IDENTITY_KID ?? '' } : undefined,
})
console.log(`${shop.origin} embeds ${WIDGET}`)
