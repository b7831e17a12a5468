import { createToaster } from '@neipix/ui'

/** Toasts of the app. */
export const toaster = createToaster()
