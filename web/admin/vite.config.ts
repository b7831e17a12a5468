import { appConfig } from '../shell/vite'

export default appConfig('admin', 5174)
