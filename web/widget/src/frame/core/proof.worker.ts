import { readChallenge } from './proof'
import { search } from './search'

self.onmessage = ({ data }: MessageEvent<{ readonly text: unknown }>) => {
  const challenge = readChallenge(data.text)
  self.postMessage(challenge && search(challenge, 0, Number.MAX_SAFE_INTEGER))
}
