import { config } from 'zod/mini'

// zod would try `new Function` to see whether it may: our policy refuses that, and tells the console. Import this before
// anything that makes a schema.
config({ jitless: true })
