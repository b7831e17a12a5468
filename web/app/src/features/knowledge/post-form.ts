import { ApiError, type Schemas } from '@neipix/api'

export interface PostOptions {
  /** Bytes of the file that have left, not more than its size. */
  onProgress: (bytes: number) => void
  signal: AbortSignal
}

/**
 * Uploads a file by the form that the server signed, straight to the storage. By XMLHttpRequest: fetch tells nothing
 * about how far an upload is.
 */
export function postForm(
  target: Schemas['PresignedPost'],
  file: File,
  { onProgress, signal }: PostOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const form = new FormData()
    for (const [name, value] of Object.entries(target.fields)) form.append(name, value)
    // The storage ignores what comes after the file.
    form.append('file', file)
    const request = new XMLHttpRequest()
    request.open('POST', target.url)
    request.upload.onprogress = ({ loaded, total }) => {
      // What is sent is the form, a little larger than the file.
      if (total > 0) onProgress(Math.min(file.size, Math.floor((loaded / total) * file.size)))
    }
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve()
      else reject(new ApiError(request.status, 'STORAGE_REFUSED', `the storage answered ${request.status}`))
    }
    request.onerror = () => reject(new ApiError(0, 'NETWORK', 'the storage could not be reached'))
    request.onabort = () => reject(new DOMException('the upload was stopped', 'AbortError'))
    signal.addEventListener('abort', () => request.abort(), { once: true })
    if (signal.aborted) return reject(new DOMException('the upload was stopped', 'AbortError'))
    request.send(form)
  })
}
