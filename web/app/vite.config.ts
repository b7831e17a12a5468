import { appConfig } from '../shell/vite'

export default appConfig('app', 5173)
