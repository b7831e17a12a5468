import { createQueries, followPreferences } from '@neipix/shell'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createPanelRouter, Panel } from './app/panel'
import { wordsOf } from './app/words'
import './admin.css'

if (import.meta.env.MODE === 'mock') await (await import('./mock/browser')).startMock()
await followPreferences(wordsOf)

const queries = createQueries()
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Panel queries={queries} router={createPanelRouter(queries)} />
  </StrictMode>,
)
