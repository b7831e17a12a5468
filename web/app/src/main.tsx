import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/app'
import { followPreferences } from './app/looks'
import { createQueries } from './app/query'
import { createAppRouter } from './app/router'
import './app.css'

if (import.meta.env.MODE === 'mock') await (await import('./mock/browser')).startMock()
await followPreferences()

const queries = createQueries()
const router = createAppRouter(queries)
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App queries={queries} router={router} />
  </StrictMode>,
)
