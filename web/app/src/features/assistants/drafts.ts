import { useQueryClient, type QueryClient } from '@tanstack/react-query'
import { useStore } from 'zustand'
import { api } from '@app/shared/api'
import { createAutosave, type Autosave, type SaveState } from './autosave'
import { fieldsOf, type Assistant, type DraftFields } from './draft'
import { putAssistant } from './queries'

const savers = new WeakMap<QueryClient, Autosave>()

/** The drafts of this page; one saver, so that a save goes on when the screen is left. */
export function autosaveOf(queries: QueryClient): Autosave {
  const known = savers.get(queries)
  if (known) return known
  const saver = createAutosave(
    {
      async save(id, fields, updateMask, etag) {
        const { data } = await api.http.PATCH('/api/v1/assistants/{id}', {
          params: { path: { id }, query: { updateMask } },
          body: { etag, draft: { ...fields, name: fields.name ?? '' } },
        })
        return data!
      },
      async load(id) {
        const { data } = await api.http.GET('/api/v1/assistants/{id}', { params: { path: { id } } })
        return data!
      },
      put: (assistant) => putAssistant(queries, assistant),
    },
    () => localStorage,
  )
  savers.set(queries, saver)
  return saver
}

export interface DraftView {
  /** What the person sees: their edits over what the server has. */
  fields: DraftFields
  /** `undefined` where nothing was edited on this page. */
  save: SaveState | undefined
  edit: (patch: Partial<DraftFields>) => void
  choose: (whose: 'mine' | 'theirs') => void
  /** Saves now; true where the server has all of it. */
  flush: () => Promise<boolean>
}

/** The draft of an assistant with what was typed and is not saved yet. */
export function useDraft(assistant: Assistant): DraftView {
  const saver = autosaveOf(useQueryClient())
  const { id } = assistant
  const edits = useStore(saver.store, ({ kept }) => kept[id]?.edits)
  const save = useStore(saver.store, ({ saves }) => saves[id])
  return {
    fields: { ...fieldsOf(assistant.draft), ...edits },
    save,
    edit: (patch) => saver.edit(assistant, patch),
    choose: (whose) => saver.choose(id, whose),
    flush: () => saver.flush(id),
  }
}
